// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;

/**
 * The places of an image as rows: (1, C, H, W) becomes (1, 1, T, C).
 *
 * @param source the image
 */
record Tokens(Rows source) implements Rows {

    @Override
    public Shape shape() {
        Shape image = source.shape();
        return new Shape(1, 1, image.get(2) * image.get(3), image.get(1));
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        long width = source.shape().get(3);
        long channels = source.shape().get(1);
        long first = from / width;
        long end = (to + width - 1) / width;
        NDIndex asked = new NDIndex(":, :, :, {}:{}", from - first * width, to - first * width);
        try (NDArray x = source.rows(scope, first, end);
                NDArray flat = x.reshape(1, 1, channels, (end - first) * width);
                NDArray part = flat.get(asked);
                NDArray turned = part.swapAxes(2, 3)) {
            return turned.duplicate();
        }
    }
}
