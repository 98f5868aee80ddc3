// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.convolutional.Conv2d;
import java.io.IOException;

/**
 * A convolution, with zeros only beyond the borders of the image.
 *
 * @param source the input
 * @param window what it sees
 * @param weights its weights
 */
record Convolved(Rows source, Window window, Affine weights) implements Rows {

    private static final Shape NO_PADDING = new Shape(0, 0);
    private static final Shape DENSE = new Shape(1, 1);

    @Override
    public Shape shape() {
        Shape input = source.shape();
        return new Shape(
                1,
                weights.weight().getShape().get(0),
                window.outputs(input.get(2)),
                window.outputs(input.get(3)));
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        long first = window.first(from);
        long end = window.end(to - 1);
        long above = Math.max(0, -first);
        long below = Math.max(0, end - source.shape().get(2));
        NDArray seen = source.rows(scope, first + above, end - below);
        try (NDArray x = padded(seen, above, below)) {
            Shape stride = new Shape(window.stride(), window.stride());
            return Conv2d.conv2d(x, weights.weight(), weights.bias(), stride, NO_PADDING, DENSE)
                    .singletonOrThrow();
        }
    }

    private NDArray padded(NDArray x, long above, long below) {
        if (window == Window.POINT) {
            return x;
        }
        try (x) {
            return x.pad(new Shape(window.before(), window.after(), above, below), 0);
        }
    }
}
