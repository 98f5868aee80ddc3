// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;

/** All that diagnostics remember. */
final class Observations {

    private final DiagnosticsConfig config;
    private final SpikeDetector spikes;
    private final Deque<StepReport> history = new ArrayDeque<>();
    private EpochStatistics finished = EpochStatistics.begin(0);
    private EpochStatistics running = EpochStatistics.begin(1);

    Observations(DiagnosticsConfig config) {
        this.config = config;
        this.spikes = new SpikeDetector(config.spikes());
    }

    void add(long step, PosteriorBatch batch, StepLosses losses) {
        double kl = Double.NaN;
        List<Double> channels = new ArrayList<>();
        if (batch.nonFinite() > 0) {
            running.posterior().addNonFinite();
        } else {
            running.posterior().add(batch);
            kl = 0;
            for (double part : batch.klPerChannel()) {
                kl += part;
                channels.add(part);
            }
            estimate(step, batch, kl);
            double excess = spikes.observe(kl);
            if (excess > 0) {
                running.losses().addSpike(step, kl, excess);
            }
        }
        running.losses().add(losses);
        remember(new StepReport(step, losses, kl, channels));
    }

    private void estimate(long step, PosteriorBatch batch, double kl) {
        PosteriorStatistics posterior = running.posterior();
        MutualInformationRule rule = config.mutualInformation();
        if (batch.samples() < 2 || (posterior.batches() - 1) % rule.every() != 0) {
            return;
        }
        // Generators that start at neighbours of a seed would run through the same numbers.
        long start = new SplittableRandom(rule.seed() ^ step).nextLong();
        posterior.add(
                MutualInformationEstimate.of(batch, new SplittableRandom(start)),
                batch.samples(),
                kl);
    }

    private void remember(StepReport step) {
        if (history.size() == config.history()) {
            history.removeFirst();
        }
        history.addLast(step);
    }

    EpochReport endEpoch() {
        finished = running;
        running = EpochStatistics.begin(finished.epoch() + 1);
        return finished.report(config.limits());
    }

    DiagnosticsReport report() {
        return new DiagnosticsReport(
                new ArrayList<>(history),
                finished.report(config.limits()),
                running.report(config.limits()));
    }

    /** Everything as a text that {@link #read} takes. */
    String text() {
        DoubleWriter out = new DoubleWriter();
        finished.write(out);
        running.write(out);
        spikes.write(out);
        for (StepReport each : history) {
            out.put(each.step()).put(each.losses().reconstruction()).put(each.losses().kl());
            out.put(each.kl()).put(each.klPerChannel().size());
            each.klPerChannel().forEach(out::put);
        }
        return out.text();
    }

    static Observations read(DiagnosticsConfig config, String text) {
        DoubleReader in = new DoubleReader(text);
        Observations observations = new Observations(config);
        observations.finished = EpochStatistics.read(in);
        observations.running = EpochStatistics.read(in);
        observations.spikes.read(in);
        while (in.hasNext()) {
            long step = (long) in.next();
            StepLosses losses = new StepLosses(in.next(), in.next());
            double kl = in.next();
            List<Double> channels = new ArrayList<>();
            for (int left = in.nextCount(); left > 0; left--) {
                channels.add(in.next());
            }
            observations.remember(new StepReport(step, losses, kl, channels));
        }
        return observations;
    }
}
