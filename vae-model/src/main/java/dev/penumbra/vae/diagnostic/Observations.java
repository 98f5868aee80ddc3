// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.diagnostic.DiagnosticsReport.Step;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.DoubleStream;

/** All that diagnostics remember. */
final class Observations {

    private final DiagnosticsConfig config;
    private final SpikeDetector spikes;
    private final Deque<Step> history = new ArrayDeque<>();
    private EpochStatistics finished = EpochStatistics.begin(0);
    private EpochStatistics running = EpochStatistics.begin(1);
    private Pending pending = new Pending();

    Observations(DiagnosticsConfig config) {
        this.config = config;
        this.spikes = new SpikeDetector(config.spikes());
    }

    /** Takes a batch of a step that has not ended. */
    void addBatch(long step, PosteriorBatch batch, StepLosses losses) {
        if (batch.nonFinite() > 0) {
            running.posterior().addNonFinite();
        } else {
            running.posterior().add(batch);
            estimate(step, batch);
        }
        pending.add(batch, losses);
    }

    /** Whether no batch has come since the last step ended. */
    boolean isBetweenSteps() {
        return pending.batches == 0;
    }

    /**
     * Ends the step of the batches that have come.
     *
     * @param step the step
     * @param trained the steps that the weights have been trained for; infinite if they stand
     */
    void endStep(long step, double trained) {
        StepLosses losses = pending.losses();
        List<Double> channels = pending.channels();
        double kl = Double.NaN;
        if (!channels.isEmpty()) {
            kl = channels.stream().mapToDouble(Double::doubleValue).sum();
            double excess = spikes.observe(kl);
            if (excess > 0) {
                running.losses().addSpike(step, kl, excess);
            }
        }
        running.losses().add(losses, trained);
        remember(new Step(step, losses, kl, channels));
        pending = new Pending();
    }

    private void estimate(long step, PosteriorBatch batch) {
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
                DoubleStream.of(batch.klPerChannel()).sum());
    }

    private void remember(Step step) {
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
        for (Step each : history) {
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
            observations.remember(new Step(step, losses, kl, channels));
        }
        return observations;
    }

    /** The batches of a step that has not ended: several where gradients are collected. */
    private static final class Pending {

        private int batches;
        private double reconstruction;
        private double kl;
        private double samples;
        private boolean finite = true;
        private double[] channels = new double[0];

        void add(PosteriorBatch batch, StepLosses losses) {
            batches++;
            reconstruction += losses.reconstruction();
            kl += losses.kl();
            finite &= batch.nonFinite() == 0;
            if (!finite) {
                return;
            }
            samples += batch.samples();
            double[] parts = batch.klPerChannel();
            channels = channels.length == 0 ? new double[parts.length] : channels;
            for (int c = 0; c < parts.length; c++) {
                channels[c] += batch.samples() * parts[c];
            }
        }

        StepLosses losses() {
            return new StepLosses(reconstruction / batches, kl / batches);
        }

        List<Double> channels() {
            return finite
                    ? DoubleStream.of(channels).map(sum -> sum / samples).boxed().toList()
                    : List.of();
        }
    }
}
