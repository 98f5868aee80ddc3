// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import java.util.ArrayList;
import java.util.List;

/**
 * A search for infinite values and NaN in a fixed list of arrays, prepared for repeated calls.
 *
 * <p>The values are summed: a finite sum, the one number that travels to the host, proves that all
 * are finite. Only where it is not, because a value is not or because the sum overflows, are the
 * arrays looked at one by one.
 */
public final class FiniteCheck {

    /** Arrays below this size are joined, since a call for each would cost more than the sum. */
    private static final long SHORT = 1 << 13;

    /** Rows of an array that are summed side by side. */
    private static final long ROWS = 16;

    private final TensorList all;
    private final TensorList vectors;
    private final TensorList matrices;
    private final TensorList others;

    /**
     * Prepares a check.
     *
     * @param arrays the arrays, of one floating-point type and on one device; they stay the
     *     caller's
     * @param manager the manager that frees what the check holds
     * @throws IllegalArgumentException if the list is empty or an array is another engine's
     */
    public FiniteCheck(List<? extends NDArray> arrays, NDManager manager) {
        all = TensorList.of(arrays).attach(manager);
        List<NDArray> shortVectors = new ArrayList<>();
        List<NDArray> divisible = new ArrayList<>();
        List<NDArray> rest = new ArrayList<>();
        for (NDArray array : arrays) {
            long size = array.size();
            if (size < SHORT && isContiguous(array)) {
                shortVectors.add(flat(array, manager));
            } else if (size > 0 && size % ROWS == 0) {
                divisible.add(array);
            } else {
                rest.add(array);
            }
        }
        vectors = TensorList.ofAny(shortVectors).attach(manager);
        matrices = TensorList.ofAny(divisible).attach(manager);
        others = TensorList.ofAny(rest).attach(manager);
    }

    private static boolean isContiguous(NDArray array) {
        try (TensorList list = TensorList.of(List.of(array))) {
            return ForeachOps.areContiguous(list);
        }
    }

    /** A view of all values in one axis, which shares the memory of the array. */
    private static NDArray flat(NDArray array, NDManager manager) {
        try (NDArray values = array.stopGradient()) {
            NDArray view = values.reshape(-1);
            view.attach(manager);
            return view;
        }
    }

    /**
     * Returns the index of the first array with a value that is not finite.
     *
     * @return the index, or -1
     * @throws IllegalStateException if an array is closed
     */
    public int firstNonFinite() {
        all.requireOpen();
        double sum = ForeachOps.finiteSum(vectors, matrices, others);
        return Double.isFinite(sum) ? -1 : ForeachOps.firstNonFinite(all);
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
        try (NDManager scope = array.getManager().newSubManager()) {
            if (new FiniteCheck(List.of(array), scope).firstNonFinite() >= 0) {
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
