// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import dev.penumbra.internal.operator.TensorList;
import java.util.List;

/**
 * The moments and the step of one replica of a parameter.
 *
 * <p>Weight and moments are native lists of one array each: an operation of TorchScript that
 * changes the arrays of a list made inside the script is taken for one without effect and left out.
 */
final class AdamMoments implements AutoCloseable {

    private final NDArray firstMoment;
    private final NDArray secondMoment;
    private final TensorList first;
    private final TensorList second;
    private NDArray array;
    private TensorList weight;
    private int step;

    /** Creates moments of zero on the manager of the weight. */
    AdamMoments(NDArray array, int step) {
        this.array = array;
        this.step = step;
        firstMoment = array.zerosLike();
        secondMoment = array.zerosLike();
        weight = listOf(array);
        first = listOf(firstMoment);
        second = listOf(secondMoment);
    }

    private static TensorList listOf(NDArray array) {
        return TensorList.of(List.of(array)).attach(array.getManager());
    }

    /** Follows the array that now holds the weight. */
    void follow(NDArray current) {
        if (current != array) {
            weight.close();
            weight = listOf(current);
            array = current;
        }
    }

    long weight() {
        return weight.handle();
    }

    long first() {
        return first.handle();
    }

    long second() {
        return second.handle();
    }

    int nextStep() {
        return ++step;
    }

    int step() {
        return step;
    }

    void setStep(int taken) {
        step = taken;
    }

    NDArray firstMoment() {
        return firstMoment;
    }

    NDArray secondMoment() {
        return secondMoment;
    }

    @Override
    public void close() {
        weight.close();
        first.close();
        second.close();
        firstMoment.close();
        secondMoment.close();
    }
}
