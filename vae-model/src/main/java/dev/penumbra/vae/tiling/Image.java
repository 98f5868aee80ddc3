// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;

/**
 * One sample of a batch, its last row and column repeated up to a size.
 *
 * @param batch the samples; (N, C, H', W')
 * @param sample which one
 * @param height the height H, at least H'
 * @param width the width W, at least W'
 */
record Image(NDArray batch, long sample, long height, long width) implements Rows {

    /** Another sample of the batch, of the same size. */
    Image withSample(long other) {
        return new Image(batch, other, height, width);
    }

    @Override
    public Shape shape() {
        return new Shape(1, batch.getShape().get(1), height, width);
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) {
        long last = batch.getShape().get(2) - 1;
        long first = Math.min(from, last);
        long end = Math.min(to, last + 1);
        NDIndex index = new NDIndex("{}:{}, :, {}:{}", sample, sample + 1, first, end);
        try (NDArray view = batch.get(scope, index);
                NDArray tall = repeated(view, 2, to - from);
                NDArray wide = repeated(tall, 3, width)) {
            return wide.duplicate();
        }
    }

    /** A new array, or the argument where nothing is missing. */
    private static NDArray repeated(NDArray x, int axis, long size) {
        long missing = size - x.getShape().get(axis);
        if (missing == 0) {
            return x;
        }
        NDIndex edge = new NDIndex(axis == 2 ? ":, :, -1:" : ":, :, :, -1:");
        try (NDArray last = x.get(edge);
                NDArray more = last.repeat(axis, missing)) {
            return x.concat(more, axis);
        }
    }
}
