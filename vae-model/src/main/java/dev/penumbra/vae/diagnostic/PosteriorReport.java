// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.List;

/**
 * The posteriors of an epoch.
 *
 * @param samples the number of samples
 * @param nonFiniteBatches the number of batches with a moment that was not finite, which count for
 *     nothing else
 * @param kl the divergence from the prior, the mean over samples and the sum over everything else,
 *     in nats
 * @param mutualInformation what latents tell of the data
 * @param channels the channels in their order; empty without samples
 */
public record PosteriorReport(
        long samples,
        long nonFiniteBatches,
        double kl,
        MutualInformation mutualInformation,
        List<ChannelReport> channels) {

    /** Copies the list. */
    public PosteriorReport {
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
