// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * A search for infinite values and NaN in a fixed list of arrays, prepared for repeated calls.
 *
 * <p>On the processor the values are summed: a finite sum proves that all are finite. Only where it
 * is not, because a value is not or because the sum overflows, are the values themselves looked at.
 * On a GPU the largest magnitude is the one number that travels to the host.
 */
public final class FiniteCheck {

    /** Arrays up to this size are joined before they are summed, if there are many. */
    private static final long SMALL = 1 << 11;

    private static final int MANY = 32;

    private final TensorList arrays;
    private final TensorList smallFirst;
    private final int joined;

    /**
     * Prepares a check.
     *
     * @param arrays the arrays, of floating-point types and on one device; they stay the caller's
     * @param manager the manager that frees what the check holds
     * @throws IllegalArgumentException if the list is empty or an array is another engine's
     */
    public FiniteCheck(List<? extends NDArray> arrays, NDManager manager) {
        this.arrays = TensorList.of(arrays).attach(manager);
        List<NDArray> small = new ArrayList<>();
        List<NDArray> others = new ArrayList<>();
        arrays.forEach(array -> (array.size() <= SMALL ? small : others).add(array));
        if (small.size() < MANY) {
            smallFirst = this.arrays;
            joined = 0;
        } else {
            joined = small.size();
            small.addAll(others);
            smallFirst = TensorList.of(small).attach(manager);
        }
    }

    /**
     * Returns the index of the first array with a value that is not finite.
     *
     * @return the index, or -1
     * @throws IllegalStateException if an array is closed
     */
    public int firstNonFinite() {
        arrays.requireOpen();
        double sign =
                arrays.isOnCpu()
                        ? ForeachOps.finiteSum(smallFirst, joined)
                        : ForeachOps.largest(arrays);
        return Double.isFinite(sign) ? -1 : ForeachOps.firstNonFinite(arrays);
    }

    /**
     * Requires that all values of an array are finite; integers always are.
     *
     * @param name how a message names the array
     * @param array the array
     * @throws IllegalArgumentException if a value is infinite or NaN, with its place
     */
    public static void requireFinite(String name, NDArray array) {
        if (!array.getDataType().isFloating() || array.size() == 0) {
            return;
        }
        try (TensorList list = TensorList.of(List.of(array))) {
            if (!Double.isFinite(ForeachOps.finiteSum(list, 0))
                    && ForeachOps.firstNonFinite(list) >= 0) {
                try (NDArray wide = array.toType(DataType.FLOAT64, true)) {
                    throw new IllegalArgumentException(nonFinite(name, wide));
                }
            }
        }
    }

    private static String nonFinite(String name, NDArray array) {
        double[] values = array.toDoubleArray();
        int first = 0;
        while (Double.isFinite(values[first])) {
            first++;
        }
        long[] shape = array.getShape().getShape();
        String[] place = new String[shape.length];
        long rest = first;
        for (int axis = shape.length - 1; axis >= 0; axis--) {
            place[axis] = Long.toString(rest % shape[axis]);
            rest /= shape[axis];
        }
        return name
                + " must be finite, got "
                + values[first]
                + " at ("
                + String.join(", ", place)
                + ")";
    }
}
