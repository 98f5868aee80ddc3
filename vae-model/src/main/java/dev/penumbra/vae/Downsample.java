// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

/**
 * Halves height and width by a 3 × 3 convolution with a stride of 2 over the image with one more
 * row of zeros at the bottom and one more column at the right.
 *
 * <p>Padding on both sides would give the same size and other values.
 */
public final class Downsample extends VaeBlock {

    private static final Shape RIGHT_AND_BOTTOM = new Shape(0, 1, 0, 1);

    private final Convolution conv;

    /**
     * Makes the block.
     *
     * @param channels the number of channels, at least 1
     */
    public Downsample(long channels) {
        conv = addChildBlock("conv", Convolution.strided(channels));
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        return conv.applyTo(pass, x.pad(RIGHT_AND_BOTTOM, 0));
    }

    @Override
    Shape outputShape(Shape input) {
        return conv.outputShape(padded(input));
    }

    private static Shape padded(Shape input) {
        if (input.dimension() != 4) {
            return input;
        }
        return new Shape(input.get(0), input.get(1), input.get(2) + 1, input.get(3) + 1);
    }
}
