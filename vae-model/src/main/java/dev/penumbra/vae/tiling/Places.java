// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;

/**
 * Rows as the places of an image: (1, 1, T, C) becomes (1, C, H, W).
 *
 * @param source the rows
 * @param width the width W
 */
record Places(Rows source, long width) implements Rows {

    @Override
    public Shape shape() {
        Shape tokens = source.shape();
        return new Shape(1, tokens.get(3), tokens.get(2) / width, width);
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        try (NDArray tokens = source.rows(scope, from * width, to * width);
                NDArray turned = tokens.swapAxes(2, 3);
                NDArray image = turned.reshape(1, shape().get(1), to - from, width)) {
            return image.duplicate();
        }
    }
}
