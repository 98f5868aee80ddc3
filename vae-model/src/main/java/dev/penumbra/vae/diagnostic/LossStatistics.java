// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.diagnostic.EpochReport.Losses;
import dev.penumbra.vae.diagnostic.EpochReport.Spikes;

/** The parts of the loss and the spikes over an epoch. */
final class LossStatistics {

    private double steps;
    private double nonFinite;
    private double reconstruction;
    private double kl;
    private double spikes;
    private double spikeStep;
    private double spikeKl;
    private double spikeExcess;
    private double trained;

    /**
     * Adds a step.
     *
     * @param losses the parts of the loss
     * @param training the steps that the weights have been trained for; infinite if they stand
     */
    void add(StepLosses losses, double training) {
        steps++;
        trained = training;
        if (Double.isFinite(losses.reconstruction()) && Double.isFinite(losses.kl())) {
            reconstruction += losses.reconstruction();
            kl += losses.kl();
        } else {
            nonFinite++;
        }
    }

    /** The steps that the weights had been trained for at the latest step. */
    double trained() {
        return trained;
    }

    void addSpike(long step, double divergence, double excess) {
        spikes++;
        if (excess > spikeExcess) {
            spikeStep = step;
            spikeKl = divergence;
            spikeExcess = excess;
        }
    }

    Losses losses() {
        // 0 / 0 is NaN, which is the mean of nothing but what was not finite.
        double finite = steps == 0 ? 1 : steps - nonFinite;
        return new Losses((long) steps, (long) nonFinite, reconstruction / finite, kl / finite);
    }

    Spikes spikes() {
        return new Spikes((long) spikes, (long) spikeStep, spikeKl, spikeExcess);
    }

    void write(DoubleWriter out) {
        out.put(steps).put(nonFinite).put(reconstruction).put(kl);
        out.put(spikes).put(spikeStep).put(spikeKl).put(spikeExcess).put(trained);
    }

    static LossStatistics read(DoubleReader in) {
        LossStatistics statistics = new LossStatistics();
        statistics.steps = in.next();
        statistics.nonFinite = in.next();
        statistics.reconstruction = in.next();
        statistics.kl = in.next();
        statistics.spikes = in.next();
        statistics.spikeStep = in.next();
        statistics.spikeKl = in.next();
        statistics.spikeExcess = in.next();
        statistics.trained = in.next();
        return statistics;
    }
}
