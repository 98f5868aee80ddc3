// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;

/** Doubles height and width by repetition, and smooths by a 3 × 3 convolution. */
public final class Upsample extends VaeBlock {

    private final long channels;
    private final Convolution conv;

    /**
     * Makes the block.
     *
     * @param channels the number of channels, at least 1
     */
    public Upsample(long channels) {
        this.channels = channels;
        conv = addChildBlock("conv", Convolution.same(channels, channels));
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        return conv.applyDoubled(pass, x);
    }

    @Override
    Shape outputShape(Shape input) {
        requireImages(input, channels);
        return new Shape(input.get(0), channels, 2 * input.get(2), 2 * input.get(3));
    }
}
