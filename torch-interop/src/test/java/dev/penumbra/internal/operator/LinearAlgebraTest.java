// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class LinearAlgebraTest {

    private static final MathContext DIGITS = new MathContext(60);

    /** Gaussian elimination with exact enough numbers; the pivot is the greatest of its column. */
    private static double[] solveExactly(double[][] matrix, double[] right) {
        int n = right.length;
        BigDecimal[][] rows = new BigDecimal[n][n + 1];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                rows[i][j] = new BigDecimal(matrix[i][j]);
            }
            rows[i][n] = new BigDecimal(right[i]);
        }
        for (int column = 0; column < n; column++) {
            int pivot = column;
            for (int i = column; i < n; i++) {
                if (rows[i][column].abs().compareTo(rows[pivot][column].abs()) > 0) {
                    pivot = i;
                }
            }
            BigDecimal[] kept = rows[pivot];
            rows[pivot] = rows[column];
            rows[column] = kept;
            for (int i = 0; i < n; i++) {
                if (i != column) {
                    BigDecimal factor = rows[i][column].divide(kept[column], DIGITS);
                    for (int j = column; j <= n; j++) {
                        rows[i][j] = rows[i][j].subtract(factor.multiply(kept[j]), DIGITS);
                    }
                }
            }
        }
        double[] solution = new double[n];
        for (int i = 0; i < n; i++) {
            solution[i] = rows[i][n].divide(rows[i][i], DIGITS).doubleValue();
        }
        return solution;
    }

    /** The order of rows and columns matters. */
    @Test
    void leastSquares_ofAHandfulOfNumbers() {
        double[] solution =
                LinearAlgebra.leastSquares(new double[][] {{2, 1}, {0, 4}}, new double[] {4, 8}, 0);
        assertArrayEquals(new double[] {1, 2}, solution, 1e-14);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 42, 20260824})
    void leastSquares_ofRandomSystems_isTheExactSolution(long seed) {
        Random random = new Random(seed);
        double[][] matrix = new double[12][12];
        double[] right = new double[12];
        for (int i = 0; i < 12; i++) {
            right[i] = random.nextGaussian();
            for (int j = 0; j < 12; j++) {
                matrix[i][j] = random.nextGaussian();
            }
        }
        double[] exact = solveExactly(matrix, right);
        // Condition numbers are below 1,000.
        assertArrayEquals(exact, LinearAlgebra.leastSquares(matrix, right, 0), 1e-11);
    }

    /** Hilbert matrices have condition numbers of 5e5 and 1.5e10. */
    @ParameterizedTest
    @CsvSource({"5, 1e-9", "8, 1e-4"})
    void leastSquares_ofIllConditionedSystems(int size, double tolerance) {
        double[][] hilbert = new double[size][size];
        double[] right = new double[size];
        for (int i = 0; i < size; i++) {
            right[i] = 1;
            for (int j = 0; j < size; j++) {
                hilbert[i][j] = 1.0 / (i + j + 1);
            }
        }
        double[] exact = solveExactly(hilbert, right);
        double[] solution = LinearAlgebra.leastSquares(hilbert, right, 0);
        for (int i = 0; i < size; i++) {
            assertEquals(exact[i], solution[i], tolerance * Math.abs(exact[i]));
        }
    }

    /** Two equal columns share their coefficient. */
    @Test
    void leastSquares_ofASingularMatrix_isTheShortestSolution() {
        double[][] matrix = {{1, 1, 0}, {1, 1, 0}, {0, 0, 2}};
        double[] solution = LinearAlgebra.leastSquares(matrix, new double[] {3, 3, 4}, 1e-12);
        assertArrayEquals(new double[] {1.5, 1.5, 2}, solution, 1e-14);
    }

    /** The mean is the least-squares constant. */
    @Test
    void leastSquares_ofMoreRowsThanColumns() {
        double[][] matrix = {{1}, {1}, {1}};
        double[] solution = LinearAlgebra.leastSquares(matrix, new double[] {1, 2, 6}, 0);
        assertArrayEquals(new double[] {3}, solution, 1e-14);
    }

    /** The second singular value is a thousandth of the first. */
    @Test
    void cutoff_leavesSmallSingularValuesOut() {
        double[][] matrix = {{1, 0}, {0, 1e-3}};
        double[] right = {1, 1};
        assertArrayEquals(
                new double[] {1, 1000}, LinearAlgebra.leastSquares(matrix, right, 5e-4), 1e-9);
        assertArrayEquals(
                new double[] {1, 0}, LinearAlgebra.leastSquares(matrix, right, 2e-3), 1e-9);
    }

    private static void assertRejected(
            String message, double[][] matrix, double[] right, double cutoff) {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> LinearAlgebra.leastSquares(matrix, right, cutoff));
        assertEquals(message, e.getMessage());
    }

    @Test
    void leastSquares_rejects() {
        double[][] one = {{1}};
        assertRejected("matrix must not be empty", new double[0][0], new double[0], 0);
        assertRejected("matrix must not be empty", new double[1][0], new double[1], 0);
        assertRejected(
                "rows must have the same length, got 2 and 1 at index 1",
                new double[][] {{1, 2}, {3}},
                new double[2],
                0);
        assertRejected("right must have a number per row, got 2 for 1 rows", one, new double[2], 0);
        assertRejected(
                "matrix must be finite, got NaN",
                new double[][] {{Double.NaN}},
                new double[] {1},
                0);
        assertRejected(
                "right must be finite, got Infinity",
                one,
                new double[] {Double.POSITIVE_INFINITY},
                0);
        assertRejected("cutoff must be in [0, 1), got 1.0", one, new double[] {1}, 1);
        assertRejected("cutoff must be in [0, 1), got NaN", one, new double[] {1}, Double.NaN);
    }
}
