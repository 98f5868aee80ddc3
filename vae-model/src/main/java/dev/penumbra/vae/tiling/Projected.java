// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import java.io.IOException;

/**
 * A linear layer over the last axis.
 *
 * @param source the input; (1, 1, T, C)
 * @param weights its weights
 */
record Projected(Rows source, Affine weights) implements Rows {

    @Override
    public Shape shape() {
        return source.shape();
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        try (NDArray x = source.rows(scope, from, to)) {
            return Linear.linear(x, weights.weight(), weights.bias()).singletonOrThrow();
        }
    }
}
