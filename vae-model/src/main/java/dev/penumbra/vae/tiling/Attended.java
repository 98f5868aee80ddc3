// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;

/**
 * Attention of rows to all rows, with the keys and values read in parts.
 *
 * @param query the queries; (1, 1, T, C)
 * @param key the keys; (1, 1, T, C)
 * @param value the values; (1, 1, T, C)
 * @param step the keys of a part, at least 1
 */
record Attended(Rows query, Rows key, Rows value, long step) implements Rows {

    @Override
    public Shape shape() {
        return query.shape();
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        try (NDManager inner = scope.newSubManager();
                NDArray raw = query.rows(inner, from, to)) {
            DataType type = raw.getDataType();
            NDArray scaled = Precision.to(raw, Precision.wide(type));
            scaled.muli(1 / Math.sqrt((double) shape().get(3)));
            OnlineSoftmax softmax = new OnlineSoftmax(inner, scaled);
            long tokens = key.shape().get(2);
            for (long first = 0; first < tokens; first += step) {
                long end = Math.min(first + step, tokens);
                try (NDManager part = inner.newSubManager()) {
                    NDArray k = key.rows(part, first, end);
                    NDArray v = value.rows(part, first, end);
                    DataType wide = Precision.wide(type);
                    softmax.add(Precision.to(k, wide), Precision.to(v, wide));
                }
            }
            NDArray result = Precision.to(softmax.result(), type);
            result.attach(scope);
            return result;
        }
    }
}
