// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.initializer.Initializer;

/**
 * PyTorch's default for the weights and the bias of a convolution and of a linear layer: uniform in
 * \(\pm 1 / \sqrt{n}\) for n inputs of each output.
 *
 * <p>The variance of a weight is a sixth of that of DJL's default.
 *
 * @param fanIn the number n of inputs of each output, at least 1
 * @see <a href="https://arxiv.org/abs/1502.01852">He et al. (2015), Delving Deep into
 *     Rectifiers</a>, whose formula PyTorch applies with a slope of \(\sqrt{5}\)
 */
public record FanInUniform(long fanIn) implements Initializer {

    /** Checks the number of inputs. */
    public FanInUniform {
        if (fanIn < 1) {
            throw new IllegalArgumentException("fanIn must be at least 1, got " + fanIn);
        }
    }

    @Override
    public NDArray initialize(NDManager manager, Shape shape, DataType dataType) {
        float bound = (float) (1 / Math.sqrt((double) fanIn));
        // Drawn in the type that every device draws in.
        try (NDArray drawn = manager.randomUniform(-bound, bound, shape, DataType.FLOAT32)) {
            return drawn.toType(dataType, true);
        }
    }
}
