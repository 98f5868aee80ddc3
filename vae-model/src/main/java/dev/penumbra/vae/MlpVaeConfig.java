// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import java.util.List;
import java.util.Objects;

/**
 * The architecture of an {@link MlpVae}.
 *
 * @param sampleShape the shape of a sample without the batch, such as (1, 28, 28); at least one
 *     axis
 * @param hidden the features of the layers between sample and latent, in the order of the encoder;
 *     the decoder has them in reverse
 * @param latentFeatures the features Z of a latent, at least 1
 * @param activation what follows each layer but the last of encoder and decoder
 * @param logVarClamp the limits of the log-variances of the posterior
 */
public record MlpVaeConfig(
        List<Long> sampleShape,
        List<Integer> hidden,
        int latentFeatures,
        Activation activation,
        LogVarClamp logVarClamp) {

    /** A function of each feature. */
    public enum Activation {
        /** The positive part. */
        RELU,
        /** The hyperbolic tangent. */
        TANH,
        /** The sigmoid linear unit \(x \, \sigma(x)\). */
        SILU
    }

    /** Checks every component. */
    public MlpVaeConfig {
        sampleShape = List.copyOf(sampleShape);
        hidden = List.copyOf(hidden);
        requireCount("axes", sampleShape.size());
        sampleShape.forEach(size -> requireCount("size", size));
        hidden.forEach(features -> requireCount("hidden", features));
        requireCount("latentFeatures", latentFeatures);
        Objects.requireNonNull(activation, "activation");
        Objects.requireNonNull(logVarClamp, "logVarClamp");
    }

    /**
     * An architecture with latent diffusion's limits of the log-variances.
     *
     * @param sampleShape the shape of a sample without the batch
     * @param hidden the features of the layers between sample and latent
     * @param latentFeatures the features Z of a latent, at least 1
     * @param activation what follows each layer but the last
     */
    public MlpVaeConfig(
            List<Long> sampleShape,
            List<Integer> hidden,
            int latentFeatures,
            Activation activation) {
        this(sampleShape, hidden, latentFeatures, activation, LogVarClamp.LATENT_DIFFUSION);
    }

    private static void requireCount(String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + value);
        }
    }

    /**
     * A usual one for images of 1 × 28 × 28: 400 hidden features, 20 latent ones.
     *
     * @return the configuration
     */
    public static MlpVaeConfig mnist() {
        return new MlpVaeConfig(List.of(1L, 28L, 28L), List.of(400), 20, Activation.RELU);
    }

    /**
     * This configuration with other limits of the log-variances.
     *
     * @param clamp the limits
     * @return the configuration
     */
    public MlpVaeConfig withLogVarClamp(LogVarClamp clamp) {
        return new MlpVaeConfig(sampleShape, hidden, latentFeatures, activation, clamp);
    }

    /**
     * Returns the number of elements of a sample.
     *
     * @return the number, at least 1
     */
    public long sampleFeatures() {
        return sampleShape.stream().reduce(1L, Math::multiplyExact);
    }
}
