// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;

/**
 * How the log-variance of a posterior is kept within limits.
 *
 * <p>The clamp is the model's: what it draws, the moments that it returns and so the loss and the
 * diagnostics all have the limited log-variance. A clamp of one's own is given like any other; a
 * saved model names its class and is loaded only into a model with the same.
 */
@FunctionalInterface
public interface LogVarClamp {

    /** Latent diffusion's: values beyond -30 and 20 are moved there. */
    LogVarClamp LATENT_DIFFUSION = new Hard(-30, 20);

    /**
     * Applies the limits.
     *
     * @param logVar the log-variance; any shape
     * @return the log-variance within the limits; the same shape
     */
    NDArray apply(NDArray logVar);

    /**
     * Hard limits of the variance itself.
     *
     * @param min the least variance, above 0
     * @param max the largest variance, above {@code min}
     * @return the limits of its logarithm
     */
    static LogVarClamp ofVariance(double min, double max) {
        if (!(min > 0 && min < max && Double.isFinite(max))) {
            throw new IllegalArgumentException(
                    "min must be above 0 and below a finite max, got min="
                            + min
                            + " and max="
                            + max);
        }
        return new Hard(Math.log(min), Math.log(max));
    }

    /**
     * Values beyond a limit are moved to it and receive no gradient: the divergence cannot bring
     * back a posterior that has left.
     *
     * @param min the lower limit
     * @param max the upper limit, above {@code min}
     */
    record Hard(double min, double max) implements LogVarClamp {

        /** Checks the limits. */
        public Hard {
            requireOrder(min, max);
        }

        @Override
        public NDArray apply(NDArray logVar) {
            return logVar.clip(min, max);
        }
    }

    /**
     * Values approach a limit without reaching it, and keep a gradient for a while beyond it.
     *
     * <p>\[ y = a + \ln(1 + e^{x - a}), \qquad z = b - \ln(1 + e^{b - y}) \]
     *
     * <p>for limits a and b. Values more than 20 away from both limits stay as they are. The
     * gradient falls off as \( e^{-d} \) at a distance d beyond a limit: in float32 nothing is left
     * of it from about 100 on.
     *
     * @param min the lower limit a
     * @param max the upper limit b, above a
     * @see <a href="https://arxiv.org/abs/2006.13202">Rybkin et al. (2021), Simple and Effective
     *     VAE Training with Calibrated Decoders</a>, whose code limits the scale from below like
     *     this
     */
    record Soft(double min, double max) implements LogVarClamp {

        /** Checks the limits. */
        public Soft {
            requireOrder(min, max);
        }

        @Override
        public NDArray apply(NDArray logVar) {
            NDArray above = softplus(logVar.sub(min)).add(min);
            return softplus(above.neg().add(max)).neg().add(max);
        }

        private static NDArray softplus(NDArray x) {
            return x.getNDArrayInternal().softPlus();
        }
    }

    private static void requireOrder(double min, double max) {
        if (!(min < max && Double.isFinite(min) && Double.isFinite(max))) {
            throw new IllegalArgumentException(
                    "min must be below max and both finite, got min=" + min + " and max=" + max);
        }
    }
}
