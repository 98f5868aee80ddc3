// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;

/** The adversarial losses of latent diffusion, from the discriminator's logits. */
public final class GanFormulas {

    private static final double GUARD = 1e-4;
    private static final double MAX_WEIGHT = 1e4;

    private GanFormulas() {}

    /**
     * The discriminator's hinge loss.
     *
     * <p>\[ \tfrac12 \left( \overline{\max(0, 1 - r)} + \overline{\max(0, 1 + f)} \right) \]
     *
     * @param real the logits \(r\) of originals, at least one
     * @param fake the logits \(f\) of reconstructions, at least one
     * @return the loss
     */
    public static double hingeDiscriminator(double[] real, double[] fake) {
        return 0.5
                * (mean("real", real, r -> Math.max(0, 1 - r))
                        + mean("fake", fake, f -> Math.max(0, 1 + f)));
    }

    /**
     * The discriminator's logistic loss.
     *
     * <p>\[ \tfrac12 \left( \overline{\ln(1 + e^{-r})} + \overline{\ln(1 + e^f)} \right) \]
     *
     * @param real the logits \(r\) of originals, at least one
     * @param fake the logits \(f\) of reconstructions, at least one
     * @return the loss
     */
    public static double vanillaDiscriminator(double[] real, double[] fake) {
        return 0.5 * (mean("real", real, r -> softplus(-r)) + mean("fake", fake, f -> softplus(f)));
    }

    /**
     * The generator's loss, the negative mean of the logits.
     *
     * @param fake the logits of reconstructions, at least one
     * @return the loss
     */
    public static double generator(double[] fake) {
        return -mean("fake", fake, f -> f);
    }

    /**
     * The weight that gives both losses gradients of the same size at the decoder's last layer.
     *
     * <p>\[ w \min\left(10^4, \frac{\lVert \nabla_{\text{nll}} \rVert}{\lVert \nabla_{\text{g}}
     * \rVert + 10^{-4}} \right) \]
     *
     * @param nllGradientNorm the norm of the reconstruction loss's gradient, at least 0
     * @param generatorGradientNorm the norm of the generator loss's gradient, at least 0
     * @param weight the weight \(w\), finite and at least 0
     * @return the weight of the generator's loss
     */
    public static double adaptiveWeight(
            double nllGradientNorm, double generatorGradientNorm, double weight) {
        requireNorm("nllGradientNorm", nllGradientNorm);
        requireNorm("generatorGradientNorm", generatorGradientNorm);
        requireNorm("weight", weight);
        return Math.min(nllGradientNorm / (generatorGradientNorm + GUARD), MAX_WEIGHT) * weight;
    }

    /** \(\ln(1 + e^x)\) without overflow. */
    static double softplus(double x) {
        return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }

    private static double mean(String name, double[] logits, DoubleUnaryOperator function) {
        return DoubleStream.of(logits)
                .map(function)
                .average()
                .orElseThrow(() -> new IllegalArgumentException(name + " must not be empty"));
    }

    private static void requireNorm(String name, double value) {
        if (!(value >= 0 && Double.isFinite(value))) {
            throw new IllegalArgumentException(
                    name + " must be finite and at least 0, got " + value);
        }
    }
}
