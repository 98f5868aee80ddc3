// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import dev.penumbra.torch.NeuralOps;

/**
 * Group normalization with a scale and an offset per channel, on request followed by SiLU.
 *
 * <p>The number added to the variance is {@link #EPSILON}.
 */
public final class GroupNorm extends VaeBlock {

    /** The number added to the variance, as everywhere in the autoencoder. */
    public static final double EPSILON = 1e-6;

    private final long channels;
    private final long groups;
    private final boolean silu;
    private final Parameter gamma;
    private final Parameter beta;

    /**
     * Makes the block.
     *
     * @param channels the number of channels, a multiple of {@code groups}
     * @param groups the number of groups, at least 1
     * @param silu whether SiLU follows
     */
    public GroupNorm(long channels, long groups, boolean silu) {
        AutoencoderKLConfig.requireDivisible(channels, groups);
        this.channels = channels;
        this.groups = groups;
        this.silu = silu;
        Shape shape = new Shape(channels);
        gamma = weight("gamma", Parameter.Type.GAMMA, shape, Initializer.ONES);
        beta = weight("beta", Parameter.Type.BETA, shape, Initializer.ZEROS);
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        NDArray scale = pass.weight(gamma, x);
        NDArray offset = pass.weight(beta, x);
        return silu
                ? NeuralOps.groupNormSilu(x, groups, scale, offset, EPSILON)
                : NeuralOps.groupNorm(x, groups, scale, offset, EPSILON);
    }

    @Override
    Shape outputShape(Shape input) {
        requireImages(input, channels);
        return input;
    }
}
