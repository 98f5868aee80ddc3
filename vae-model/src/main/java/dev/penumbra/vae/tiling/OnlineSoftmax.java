// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/**
 * The softmax-weighted sum of values that come in parts.
 *
 * <p>For each query it keeps the largest score \(m\) so far, \(\sum_j e^{s_j - m}\) and \(\sum_j
 * e^{s_j - m} v_j\); a larger score shrinks both sums.
 *
 * @see <a href="https://arxiv.org/abs/1805.02867">Milakov and Gimelshein (2018), Online normalizer
 *     calculation for softmax</a>, algorithm 3
 */
final class OnlineSoftmax {

    private static final int[] KEYS = {3};

    private final NDManager scope;
    private final NDArray query;
    private final NDArray sum;
    private final NDArray weighted;
    private NDArray largest;

    /**
     * Begins without keys.
     *
     * @param scope the owner of what is kept
     * @param query the queries, already divided by the root of C; (1, 1, L, C)
     */
    OnlineSoftmax(NDManager scope, NDArray query) {
        this.scope = scope;
        this.query = query;
        Shape shape = query.getShape();
        DataType type = query.getDataType();
        Shape one = new Shape(1, 1, shape.get(2), 1);
        largest = scope.full(one, Float.NEGATIVE_INFINITY, type);
        sum = scope.zeros(one, type);
        weighted = scope.zeros(shape, type);
    }

    /** Takes in keys and their values, both (1, 1, L', C). */
    void add(NDArray key, NDArray value) {
        try (NDArray turned = key.swapAxes(2, 3);
                NDArray scores = query.matMul(turned); // (1, 1, L, L')
                NDArray top = scores.max(KEYS, true)) {
            NDArray before = largest;
            largest = before.maximum(top);
            largest.attach(scope);
            try (before;
                    NDArray difference = before.sub(largest);
                    NDArray shrink = difference.exp();
                    NDArray shares = scores.subi(largest).exp();
                    NDArray total = shares.sum(KEYS, true);
                    NDArray more = shares.matMul(value)) {
                sum.muli(shrink).addi(total);
                weighted.muli(shrink).addi(more);
            }
        }
    }

    /** The weighted sums of all values; (1, 1, L, C). */
    NDArray result() {
        return weighted.div(sum);
    }
}
