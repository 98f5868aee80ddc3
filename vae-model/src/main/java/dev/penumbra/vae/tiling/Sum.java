// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;

/**
 * Two activations of one shape, added.
 *
 * @param first the one
 * @param second the other
 */
record Sum(Rows first, Rows second) implements Rows {

    @Override
    public Shape shape() {
        return first.shape();
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        NDArray sum = first.rows(scope, from, to);
        try (NDArray more = second.rows(scope, from, to)) {
            return sum.addi(more);
        }
    }
}
