// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.Objects;

/**
 * Numbers for what is differentiated, in memory of PyTorch's.
 *
 * <p>{@code array.mul(number)}, {@code div(number)} and {@code pow(number)} are not safe there. DJL
 * 0.35.1 puts the number into a Java buffer and lets go of it as soon as the operation is done, but
 * PyTorch keeps the address for the backward pass. If the garbage collector runs between the two,
 * the gradient is computed with whatever lies there by then. {@code
 * array.mul(NativeScalar.of(...))} has no such gap.
 */
public final class NativeScalar {

    private NativeScalar() {}

    /**
     * Makes an array of one number.
     *
     * @param manager the owner, of the PyTorch engine; the array may be closed before the backward
     *     pass
     * @param value the number, rounded to the type
     * @param type the type
     * @return the array, without axes, on the manager's device
     * @throws IllegalArgumentException if the manager is another engine's
     */
    public static NDArray of(NDManager manager, double value, DataType type) {
        Objects.requireNonNull(type, "type");
        if (!(manager instanceof PtNDManager owner)) {
            throw new IllegalArgumentException(
                    "manager must be of the PyTorch engine, got "
                            + manager.getClass().getSimpleName());
        }
        return JniUtils.full(
                owner, new Shape(), value, type, manager.getDevice(), SparseFormat.DENSE);
    }
}
