// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.List;

/**
 * One epoch.
 *
 * @param epoch the epoch; the first is 1
 * @param losses the parts of the loss
 * @param posterior the posteriors
 * @param spikes the spikes of the divergence
 * @param warnings what is wrong, channel by channel; empty if nothing is
 */
public record EpochReport(
        int epoch, Losses losses, Posteriors posterior, Spikes spikes, List<Warning> warnings) {

    /** Copies the list. */
    public EpochReport {
        warnings = List.copyOf(warnings);
    }

    /**
     * The parts of the loss over an epoch. The means are over the steps whose parts were finite:
     * NaN if none of them was, and 0 without any step.
     *
     * @param steps the number of steps
     * @param nonFinite the number of steps with a part that was not finite
     * @param reconstruction the mean of the reconstruction term
     * @param kl the mean of the divergence
     */
    public record Losses(long steps, long nonFinite, double reconstruction, double kl) {}

    /**
     * The posteriors of an epoch.
     *
     * @param samples the number of samples
     * @param nonFiniteBatches the number of batches with a moment that was not finite, which count
     *     for nothing else
     * @param kl the divergence from the prior, the mean over samples and the sum over everything
     *     else, in nats; NaN if no batch was finite, and 0 without any batch
     * @param mutualInformation what latents tell of the data
     * @param channels the channels in their order; empty without samples
     */
    public record Posteriors(
            long samples,
            long nonFiniteBatches,
            double kl,
            MutualInformation mutualInformation,
            List<Channel> channels) {

        /** Copies the list. */
        public Posteriors {
            channels = List.copyOf(channels);
        }

        /**
         * The number of active channels.
         *
         * @return the number
         */
        public int activeChannels() {
            return (int) channels.stream().filter(channel -> channel.activity().active()).count();
        }

        /**
         * The number of active elements, which are the active units of the literature.
         *
         * @return the number
         */
        public int activeElements() {
            return channels.stream().mapToInt(channel -> channel.activity().activeElements()).sum();
        }
    }

    /**
     * One channel over an epoch.
     *
     * @param kl its divergence from the prior, the mean over samples and the sum over places, in
     *     nats
     * @param mutualInformation the estimate of what its latents alone tell of the data, in nats
     * @param activity whether it tells samples apart
     * @param aggregated the mixture of its posteriors
     * @param saturation the shares of log-variances at the limits of the clamp
     */
    public record Channel(
            double kl,
            double mutualInformation,
            Activity activity,
            Aggregate aggregated,
            Saturation saturation) {}

    /**
     * Whether a channel tells samples apart.
     *
     * @param variance the unbiased variance over the data of the posterior mean of an element,
     *     averaged over the places of the channel: what differs from place to place in all samples
     *     alike does not count
     * @param active whether that variance is above the limit, or the variance of a single place
     *     above ten times the limit
     * @param activeElements the number of places whose own variance is above the limit
     * @param elements the number of places
     */
    public record Activity(double variance, boolean active, int activeElements, int elements) {}

    /**
     * The mixture of the posteriors of a channel over samples and places; the prior has the mean 0,
     * the standard deviation 1 and the excess kurtosis 0.
     *
     * @param mean the mean
     * @param standardDeviation the standard deviation
     * @param excessKurtosis the excess kurtosis; 0 too where nothing varies
     * @param signal the root mean square of the posterior means
     * @param noise the root mean square of the posterior standard deviations
     */
    public record Aggregate(
            double mean,
            double standardDeviation,
            double excessKurtosis,
            double signal,
            double noise) {}

    /**
     * The shares of log-variances that the encoder put at a limit of the clamp or beyond it.
     *
     * @param low the share at the lower limit, in [0, 1]
     * @param high the share at the upper limit, in [0, 1]
     */
    public record Saturation(double low, double high) {}

    /**
     * What latents tell of the data, the mean over the batches of an epoch that it was estimated
     * from.
     *
     * <p>The divergence of the posteriors is the mutual information plus the divergence of the
     * aggregated posterior. An estimate near its bound says only that the batch was too small for
     * more.
     *
     * @param estimate the mutual information, in nats; NaN if no batch of the epoch was finite, and
     *     0 without any batch
     * @param bound ln N, which no estimate from N samples exceeds, in nats
     * @param kl the mean divergence of the posteriors of the same batches, in nats
     * @param batches the number of batches
     */
    public record MutualInformation(double estimate, double bound, double kl, long batches) {

        /**
         * The divergence of the aggregated posterior from the prior. Where the estimate is at its
         * bound it is as much too large as the estimate is too small.
         *
         * @return the divergence, in nats
         */
        public double aggregatedKl() {
            return kl - estimate;
        }
    }

    /**
     * The spikes of the divergence in an epoch.
     *
     * @param count their number
     * @param step the step of the one that stood out most; 0 without any
     * @param kl the divergence of that step, in nats; 0 without any
     * @param excess how many spreads it lay above the median; 0 without any
     */
    public record Spikes(long count, long step, double kl, double excess) {}

    /**
     * Something that is wrong with an epoch.
     *
     * @param code what kind of thing it is
     * @param channel the channel, or {@link #ALL_CHANNELS}
     * @param message the thing, its figure with the limit, and the remedy, in a sentence
     */
    public record Warning(WarningCode code, int channel, String message) {

        /** In place of a channel where all are meant. */
        public static final int ALL_CHANNELS = -1;
    }
}
