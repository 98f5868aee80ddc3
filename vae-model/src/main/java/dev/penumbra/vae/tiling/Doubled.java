// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;

/**
 * An activation whose rows and columns are repeated.
 *
 * @param source the input
 */
record Doubled(Rows source) implements Rows {

    /** DJL's number of the interpolation that repeats. */
    private static final int NEAREST = 0;

    @Override
    public Shape shape() {
        Shape input = source.shape();
        return new Shape(1, input.get(1), 2 * input.get(2), 2 * input.get(3));
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        long first = from / 2;
        long end = (to + 1) / 2;
        long[] size = {2 * (end - first), 2 * source.shape().get(3)};
        NDArray twice;
        try (NDArray x = source.rows(scope, first, end)) {
            twice = x.getNDArrayInternal().interpolation(size, NEAREST, false);
        }
        if (to - from == size[0]) {
            return twice;
        }
        NDIndex asked = new NDIndex(":, :, {}:{}", from - 2 * first, to - 2 * first);
        try (twice;
                NDArray view = twice.get(asked)) {
            return view.duplicate();
        }
    }
}
