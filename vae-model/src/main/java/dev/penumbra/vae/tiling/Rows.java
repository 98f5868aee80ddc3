// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;

/** An activation of one sample, any rows of which can be had without the others. */
sealed interface Rows
        permits Attended,
                Convolved,
                Doubled,
                Field,
                Image,
                Normalized,
                Places,
                Projected,
                Sum,
                Tokens {

    /** The shape of all rows; (1, C, H, W). */
    Shape shape();

    /**
     * Some rows, in memory that nobody else sees.
     *
     * @param scope the owner of the result and of what is made on the way
     * @param from the first row, at least 0
     * @param to the row after the last, above {@code from} and at most H
     * @return the rows; (1, C, to - from, W)
     */
    NDArray rows(NDManager scope, long from, long to) throws IOException;
}
