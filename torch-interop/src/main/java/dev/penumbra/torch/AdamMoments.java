// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import java.util.List;

/** The moments and the step of one replica of a parameter. */
final class AdamMoments implements AutoCloseable {

    private final NDArray weight;
    private final NDArray first;
    private final NDArray second;
    private final TensorList tensors;
    private int step;

    private AdamMoments(NDArray weight, NDArray first, NDArray second, int step) {
        this.weight = weight;
        this.first = first;
        this.second = second;
        this.step = step;
        tensors = TensorList.of(List.of(weight, first, second));
    }

    /** Moments of zero on the manager of the weight. */
    static AdamMoments zeros(NDArray weight, int step) {
        return new AdamMoments(weight, weight.zerosLike(), weight.zerosLike(), step);
    }

    /** These moments for the array that now holds the weight. */
    AdamMoments on(NDArray current) {
        if (current == weight) {
            return this;
        }
        tensors.close();
        return new AdamMoments(current, first, second, step);
    }

    /** Weight, first moment, second moment. */
    TensorList tensors() {
        return tensors;
    }

    int nextStep() {
        return ++step;
    }

    @Override
    public void close() {
        tensors.close();
        first.close();
        second.close();
    }
}
