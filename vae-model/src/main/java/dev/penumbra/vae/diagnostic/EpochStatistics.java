// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.diagnostic.EpochReport.Losses;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import dev.penumbra.vae.diagnostic.EpochReport.Spikes;

/** What is gathered over an epoch. */
record EpochStatistics(int epoch, LossStatistics losses, PosteriorStatistics posterior) {

    /** An untrained encoder has nearly the same posterior for all samples, which says nothing. */
    private static final double BEGUN = 32;

    static EpochStatistics begin(int epoch) {
        return new EpochStatistics(epoch, new LossStatistics(), new PosteriorStatistics());
    }

    EpochReport report(WarningLimits limits) {
        Losses parts = losses.losses();
        Spikes spikes = losses.spikes();
        Posteriors posteriors = posterior.report(limits.activeVariance());
        boolean begun = losses.trained() >= BEGUN;
        return new EpochReport(
                epoch,
                parts,
                posteriors,
                spikes,
                Warnings.of(limits, parts, posteriors, spikes, begun));
    }

    void write(DoubleWriter out) {
        out.put(epoch);
        losses.write(out);
        posterior.write(out);
    }

    static EpochStatistics read(DoubleReader in) {
        int epoch = (int) in.next();
        LossStatistics losses = LossStatistics.read(in);
        return new EpochStatistics(epoch, losses, PosteriorStatistics.read(in));
    }
}
