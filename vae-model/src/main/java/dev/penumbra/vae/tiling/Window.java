// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

/** What a convolution sees of its input: the same for rows and columns. */
enum Window {
    /** 1 × 1. */
    POINT(1, 1, 0, 0),
    /** 3 × 3 around each place. */
    SAME(3, 1, 1, 1),
    /** 3 × 3 from every second place on, with one more row and column of zeros at the end. */
    HALF(3, 2, 0, 1);

    private final long size;
    private final long stride;
    private final long before;
    private final long after;

    Window(long size, long stride, long before, long after) {
        this.size = size;
        this.stride = stride;
        this.before = before;
        this.after = after;
    }

    long stride() {
        return stride;
    }

    /** The zeros before the first row and column. */
    long before() {
        return before;
    }

    /** The zeros after the last row and column. */
    long after() {
        return after;
    }

    /** The number of outputs of a number of inputs. */
    long outputs(long inputs) {
        return (inputs + before + after - size) / stride + 1;
    }

    /** The first input of an output; negative for a zero. */
    long first(long output) {
        return output * stride - before;
    }

    /** The input after the last one of an output; above the number of inputs for a zero. */
    long end(long output) {
        return first(output) + size;
    }
}
