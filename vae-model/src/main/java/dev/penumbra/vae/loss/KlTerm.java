// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import dev.penumbra.vae.DiagonalGaussian;

/**
 * What the divergence of the posterior from the standard normal costs.
 *
 * <p>The value is that of one sample, in nats: a sum over the elements of a latent and a mean over
 * the samples. A {@link Reduction} scales it.
 */
public sealed interface KlTerm {

    /**
     * The cost. It hangs on the manager of the posterior.
     *
     * @param posterior the posterior; (N, Z, ...)
     * @param step optimizer steps taken before; 0 for the first
     * @param weight the weight that the cost will have
     * @return the cost, without axes
     */
    NDArray value(DiagonalGaussian posterior, long step, double weight);

    /** The divergence itself, as in a VAE and a beta-VAE. */
    record Plain() implements KlTerm {

        @Override
        public NDArray value(DiagonalGaussian posterior, long step, double weight) {
            return posterior.kl().mean();
        }
    }
}
