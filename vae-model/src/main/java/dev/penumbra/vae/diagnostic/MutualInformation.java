// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * What latents tell of the data, the mean over the batches of an epoch that it was estimated from.
 *
 * <p>The divergence of the posteriors is the mutual information plus the divergence of the
 * aggregated posterior. An estimate near its bound says only that the batch was too small for more.
 *
 * @param estimate the mutual information, in nats; 0 without any batch
 * @param bound ln N, which no estimate from N samples exceeds, in nats
 * @param kl the mean divergence of the posteriors of the same batches, in nats
 * @param batches the number of batches
 */
public record MutualInformation(double estimate, double bound, double kl, long batches) {

    /**
     * The divergence of the aggregated posterior from the prior. Where the estimate is at its bound
     * it is as much too large as the estimate is too small.
     *
     * @return the divergence, in nats
     */
    public double aggregatedKl() {
        return kl - estimate;
    }
}
