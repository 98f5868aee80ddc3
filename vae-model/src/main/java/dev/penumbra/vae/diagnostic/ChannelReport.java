// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * One channel over an epoch.
 *
 * @param kl its divergence from the prior, the mean over samples and the sum over places, in nats
 * @param mutualInformation the estimate of what its latents alone tell of the data, in nats
 * @param activity whether it tells samples apart
 * @param aggregated the mixture of its posteriors
 * @param saturation the shares of log-variances at the limits of the clamp
 */
public record ChannelReport(
        double kl,
        double mutualInformation,
        Activity activity,
        AggregatedPosterior aggregated,
        Saturation saturation) {}
