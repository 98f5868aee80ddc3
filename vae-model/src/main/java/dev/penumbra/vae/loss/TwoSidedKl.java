// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.LogVarClamp;

/**
 * The divergence of a posterior from a learned prior with shares of the gradient for each.
 *
 * <p>\[ a \, \text{KL}(\text{sg}(q) \,\|\, p) + (1 - a) \, \text{KL}(q \,\|\, \text{sg}(p)) \]
 *
 * <p>where sg stops the gradient. The value is the divergence for every a; with a above one half
 * the prior learns faster than the posterior gives way. Without a learned prior there is nothing to
 * balance.
 *
 * @see <a href="https://arxiv.org/abs/2010.02193">Hafner et al. (2021), Mastering Atari with
 *     Discrete World Models</a>, algorithm 2
 */
public final class TwoSidedKl {

    private static final LogVarClamp NONE = new LogVarClamp.Hard(-1e30, 1e30);

    private TwoSidedKl() {}

    /**
     * The divergence of each sample.
     *
     * @param posterior the posterior q; (N, Z, ...)
     * @param prior the prior p; (N, Z, ...)
     * @param priorShare the share a of the prior, in [0, 1]; 0.8 in the paper
     * @return the divergences; (N)
     */
    public static NDArray of(
            DiagonalGaussian posterior, DiagonalGaussian prior, double priorShare) {
        if (!(priorShare >= 0 && priorShare <= 1)) {
            throw new IllegalArgumentException("priorShare must be in [0, 1], got " + priorShare);
        }
        NDArray forPrior = stopped(posterior).kl(prior);
        NDArray forPosterior = posterior.kl(stopped(prior));
        return Differentiable.times(forPrior, priorShare)
                .add(Differentiable.times(forPosterior, 1 - priorShare));
    }

    private static DiagonalGaussian stopped(DiagonalGaussian gaussian) {
        return DiagonalGaussian.of(
                gaussian.mean().stopGradient(), gaussian.logVar().stopGradient(), NONE);
    }
}
