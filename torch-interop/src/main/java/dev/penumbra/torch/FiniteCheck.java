// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
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
}
