// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.jspecify.annotations.Nullable;

/**
 * A residual block: twice normalization, SiLU and a 3 × 3 convolution, added to the input, which
 * passes a 1 × 1 convolution where the number of channels changes.
 */
public final class ResnetBlock extends VaeBlock {

    private final GroupNorm norm1;
    private final Convolution conv1;
    private final GroupNorm norm2;
    private final Convolution conv2;
    private final @Nullable Convolution shortcut;

    /**
     * Makes the block.
     *
     * @param in the number of channels of the input, a multiple of {@code groups}
     * @param out the number of channels of the output, a multiple of {@code groups}
     * @param groups the number of groups of the normalizations, at least 1
     */
    public ResnetBlock(long in, long out, long groups) {
        norm1 = addChildBlock("norm1", new GroupNorm(in, groups, true));
        conv1 = addChildBlock("conv1", Convolution.same(in, out));
        norm2 = addChildBlock("norm2", new GroupNorm(out, groups, true));
        conv2 = addChildBlock("conv2", Convolution.same(out, out));
        shortcut =
                in == out ? null : addChildBlock("conv_shortcut", Convolution.pointwise(in, out));
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        NDArray h = conv1.applyTo(pass, norm1.apply(pass, x));
        h = conv2.applyTo(pass, norm2.applyTo(pass, h));
        // No gradient needs the result of a convolution, so the sum may lie in its place.
        if (shortcut == null) {
            return h.addi(x);
        }
        try (NDArray residual = h) {
            return shortcut.apply(pass, x).addi(residual);
        }
    }

    @Override
    Shape outputShape(Shape input) {
        return conv2.outputShape(conv1.outputShape(norm1.outputShape(input)));
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape input = inputShapes[0];
        Shape output = outputShape(input);
        norm1.initialize(manager, dataType, input);
        conv1.initialize(manager, dataType, input);
        norm2.initialize(manager, dataType, output);
        conv2.initialize(manager, dataType, output);
        if (shortcut != null) {
            shortcut.initialize(manager, dataType, input);
        }
    }
}
