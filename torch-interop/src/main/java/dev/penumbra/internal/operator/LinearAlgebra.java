// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.ScriptCalls;
import java.util.List;

/** Systems of linear equations in float64, solved on the CPU by LAPACK. */
public final class LinearAlgebra {

    private LinearAlgebra() {}

    /** Loaded with the first operation, not with the class that names them. */
    private static final class Holder {
        static final ScriptModule OPS = ScriptModule.load(LinearAlgebra.class, "linear_algebra.py");
    }

    /**
     * Solves \( \min_x \lVert A x - b \rVert_2 \) by the singular value decomposition. Of several
     * solutions it returns the shortest, so a singular matrix is no error.
     *
     * @param matrix the matrix \( A \), row by row; finite
     * @param right the right side \( b \), one number per row; finite
     * @param cutoff singular values up to this share of the greatest count as 0; in [0, 1)
     * @return the solution \( x \), one number per column
     * @throws IllegalArgumentException if the matrix is empty or ragged, the right side has another
     *     length, a number is not finite or the cutoff is out of range
     */
    public static double[] leastSquares(double[][] matrix, double[] right, double cutoff) {
        if (!(cutoff >= 0 && cutoff < 1)) {
            throw new IllegalArgumentException("cutoff must be in [0, 1), got " + cutoff);
        }
        double[] flat = flatten(matrix);
        if (right.length != matrix.length) {
            throw new IllegalArgumentException(
                    "right must have a number per row, got "
                            + right.length
                            + " for "
                            + matrix.length
                            + " rows");
        }
        requireFinite("matrix", flat);
        requireFinite("right", right);
        // TorchScript's own tensor(list) goes through float32, so the tensors are made here.
        Shape shape = new Shape(matrix.length, matrix[0].length);
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
                TensorList system =
                        TensorList.of(
                                List.of(
                                        manager.create(flat, shape),
                                        manager.create(right, new Shape(right.length, 1))))) {
            return leastSquares(system, cutoff);
        }
    }

    private static double[] leastSquares(TensorList system, double cutoff) {
        long share = ScriptCalls.fromDouble(cutoff);
        try {
            return Holder.OPS.runDoubles("least_squares", system.handle(), share);
        } finally {
            ScriptCalls.delete(share);
        }
    }

    private static double[] flatten(double[][] matrix) {
        if (matrix.length == 0 || matrix[0].length == 0) {
            throw new IllegalArgumentException("matrix must not be empty");
        }
        int columns = matrix[0].length;
        double[] flat = new double[Math.multiplyExact(matrix.length, columns)];
        for (int i = 0; i < matrix.length; i++) {
            if (matrix[i].length != columns) {
                throw new IllegalArgumentException(
                        "rows must have the same length, got "
                                + columns
                                + " and "
                                + matrix[i].length
                                + " at index "
                                + i);
            }
            System.arraycopy(matrix[i], 0, flat, i * columns, columns);
        }
        return flat;
    }

    private static void requireFinite(String name, double[] values) {
        for (double value : values) {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException(name + " must be finite, got " + value);
            }
        }
    }
}
