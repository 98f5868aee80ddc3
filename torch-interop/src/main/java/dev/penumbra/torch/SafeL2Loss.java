// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.loss.Loss;

/**
 * Half the mean squared error, with the values of {@code Loss.l2Loss()} and gradients that do not
 * depend on the garbage collector.
 *
 * <p>\[ L = \frac{1}{N} \sum_i \tfrac{1}{2} (y_i - \hat{y}_i)^2 \]
 *
 * @see NativeScalar
 */
public final class SafeL2Loss extends Loss {

    /** Creates a loss named {@code L2Loss}, as DJL's is. */
    public SafeL2Loss() {
        this("L2Loss");
    }

    /**
     * Creates a loss.
     *
     * @param name the name in the metrics
     */
    public SafeL2Loss(String name) {
        super(name);
    }

    /**
     * Computes the loss.
     *
     * @param labels one array with as many values as the prediction
     * @param predictions one array of any shape
     * @return the loss, without axes
     */
    @Override
    public NDArray evaluate(NDList labels, NDList predictions) {
        NDArray prediction = predictions.singletonOrThrow();
        NDArray label = labels.singletonOrThrow().reshape(prediction.getShape());
        NDArray squares = label.sub(prediction).square();
        try (NDArray half = NativeScalar.of(squares.getManager(), 0.5, squares.getDataType())) {
            return squares.mul(half).mean();
        }
    }
}
