// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class FiniteCheckTest {

    /** Every way in which an array is summed, and its neighbours. */
    private static final List<Shape> SHAPES =
            List.of(
                    new Shape(),
                    new Shape(1),
                    new Shape(7),
                    new Shape(16),
                    new Shape(1, 1),
                    new Shape(3, 5),
                    new Shape(2, 3, 4),
                    new Shape(4, 4),
                    new Shape(2, 16, 3),
                    new Shape(1, 15),
                    new Shape(1, 16),
                    new Shape(1, 17),
                    new Shape((1 << 13) - 1),
                    new Shape(1 << 13),
                    new Shape((1 << 13) + 1),
                    new Shape((1 << 16) - 1),
                    new Shape(1 << 16),
                    new Shape((1 << 16) + 1),
                    new Shape(1 << 8, 1 << 9));

    private static final double[] BAD = {
        Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY
    };

    private NDManager manager;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    static List<Shape> shapes() {
        return SHAPES;
    }

    private NDArray array(Shape shape, DataType type, Random random, int at, double value) {
        double[] values = random.doubles(shape.size(), -1, 1).toArray();
        if (at >= 0) {
            values[at] = value;
        }
        return manager.create(values, shape).toType(type, true);
    }

    private int first(NDArray... arrays) {
        try (NDManager own = manager.newSubManager()) {
            return new FiniteCheck(List.of(arrays), own).firstNonFinite();
        }
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void oneBadValueAnywhere_isFound(Shape shape) {
        Random random = new Random(shape.hashCode());
        for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT64)) {
            assertEquals(-1, first(array(shape, type, random, -1, 0)));
            int size = Math.toIntExact(shape.size());
            for (int at : new int[] {0, size / 2, size - 1, random.nextInt(size)}) {
                for (double bad : BAD) {
                    assertEquals(0, first(array(shape, type, random, at, bad)));
                }
            }
        }
    }

    /** Arrays of all kinds in any order, any number of them bad. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
    void firstOfMixedArrays_isFound(long seed) {
        Random random = new Random(seed);
        List<NDArray> arrays = new ArrayList<>();
        int expected = -1;
        for (int i = 0; i < 12; i++) {
            Shape shape = SHAPES.get(random.nextInt(12));
            boolean bad = random.nextInt(8) == 0;
            int at = bad ? random.nextInt(Math.toIntExact(shape.size())) : -1;
            arrays.add(array(shape, DataType.FLOAT32, random, at, BAD[random.nextInt(3)]));
            expected = bad && expected < 0 ? i : expected;
        }
        assertEquals(expected, first(arrays.toArray(new NDArray[0])));
    }

    /** The sum overflows, or is almost the largest number, though every value is finite. */
    @ParameterizedTest
    @EnumSource(
            value = DataType.class,
            names = {"FLOAT16", "FLOAT32", "FLOAT64"})
    void finiteValuesWhoseSumOverflows_areFinite(DataType type) {
        double large =
                switch (type) {
                    case FLOAT16 -> 60_000;
                    case FLOAT64 -> 1e308;
                    default -> 1e38;
                };
        for (Shape shape : SHAPES) {
            double[] values = new double[Math.toIntExact(shape.size())];
            Arrays.fill(values, large);
            NDArray array = manager.create(values, shape).toType(type, true);
            assertEquals(-1, first(array, array.neg(), array), shape.toString());
            values[values.length - 1] = Double.NaN;
            NDArray bad = manager.create(values, shape).toType(type, true);
            assertEquals(1, first(array, bad), shape.toString());
        }
    }

    /** The engine's bindings have no bfloat16. */
    @Test
    void halfPrecision() {
        DataType type = DataType.FLOAT16;
        Random random = new Random(3);
        for (Shape shape : SHAPES) {
            assertEquals(-1, first(array(shape, type, random, -1, 0)), shape.toString());
            int last = Math.toIntExact(shape.size()) - 1;
            for (double bad : BAD) {
                assertEquals(0, first(array(shape, type, random, last, bad)), shape.toString());
            }
        }
    }

    @Test
    void infinitiesThatCancel_areFound() {
        double infinite = Double.POSITIVE_INFINITY;
        for (Shape shape : SHAPES.subList(2, SHAPES.size())) {
            if (shape.size() > 1) {
                double[] values = new double[Math.toIntExact(shape.size())];
                values[0] = infinite;
                values[values.length - 1] = -infinite;
                NDArray both = manager.create(values, shape).toType(DataType.FLOAT32, true);
                assertEquals(0, first(both), shape.toString());
            }
        }
        NDArray plus = manager.create(new float[] {1, Float.POSITIVE_INFINITY});
        NDArray minus = manager.create(new float[][] {{Float.NEGATIVE_INFINITY}});
        NDArray zeros = manager.zeros(new Shape(2, 2));
        assertEquals(1, first(zeros, plus, zeros, minus));
        assertEquals(0, first(minus, zeros, plus));
    }

    @Test
    void emptyArrays_areFinite() {
        NDArray vector = manager.create(new float[0], new Shape(0));
        NDArray matrix = manager.create(new float[0], new Shape(3, 0));
        NDArray rows = manager.create(new float[0], new Shape(0, 16));
        assertEquals(-1, first(vector));
        assertEquals(-1, first(matrix));
        assertEquals(-1, first(rows));
        assertEquals(-1, first(vector, matrix, rows));
        assertEquals(3, first(vector, matrix, rows, manager.create(Float.NaN)));
    }

    /** Rows that do not follow each other in memory, and single columns of a larger array. */
    @Test
    void arraysThatAreNotContiguous() {
        for (Shape shape : List.of(new Shape(16, 3), new Shape(5, 7), new Shape(32, 32))) {
            float[] values = new float[Math.toIntExact(shape.size())];
            NDArray good = manager.create(values, shape);
            assertEquals(-1, first(good.transpose(), good.get(":, 1")));
            values[values.length - 1] = Float.NaN;
            NDArray bad = manager.create(values, shape);
            assertEquals(0, first(bad.transpose()));
            assertEquals(-1, first(bad.get(":, 1")));
            assertEquals(1, first(good, bad.get(":, -1")));
        }
    }

    /** More small arrays than are joined at once, large ones and empty ones among them. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 9, 10, 130, 256, 280, 281, 299})
    void oneBadArrayOfMany_isFound(int bad) {
        Random random = new Random(bad);
        List<NDArray> arrays = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            boolean empty = i % 50 == 20;
            long size = i % 10 == 9 ? 3000 : i % 7;
            Shape shape = empty ? new Shape(2, 0) : size == 0 ? new Shape() : new Shape(size);
            int at = i == bad ? Math.toIntExact(shape.size()) - 1 : -1;
            arrays.add(array(shape, DataType.FLOAT32, random, at, BAD[bad % 3]));
        }
        assertEquals(bad, first(arrays.toArray(new NDArray[0])));
        arrays.set(bad, manager.zeros(new Shape(3)));
        assertEquals(-1, first(arrays.toArray(new NDArray[0])));
    }

    /** Small arrays are looked at in another order than they are given in. */
    @Test
    void closedArrayOfMany_isReported() {
        List<NDArray> arrays = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            arrays.add(manager.zeros(new Shape(i == 3 ? 3000 : 3)));
        }
        FiniteCheck check = new FiniteCheck(arrays, manager);
        assertEquals(-1, check.firstNonFinite());
        arrays.get(3).close();
        IllegalStateException e = assertThrows(IllegalStateException.class, check::firstNonFinite);
        assertEquals("The array at index 3 of 40 is closed", e.getMessage());
    }

    /** What is asked on a GPU, where each value that travels to the host costs time. */
    @Test
    void largestMagnitude() {
        NDArray empty = manager.zeros(new Shape(3, 0));
        NDArray half = manager.create(-65_504f).toType(DataType.FLOAT16, true);
        NDArray wide = manager.create(new double[] {1, -1e300});
        NDArray matrix = manager.create(new float[][] {{1, -5}, {3, 4}}).transpose();
        assertEquals(0, largest(empty));
        assertEquals(65_504, largest(empty, half, matrix));
        assertEquals(1e300, largest(matrix, wide));
        for (double bad : BAD) {
            NDArray last = array(new Shape(5), DataType.FLOAT32, new Random(1), 4, bad);
            assertFalse(Double.isFinite(largest(matrix, last)));
            assertFalse(Double.isFinite(largest(last, matrix, half)));
        }
    }

    private static double largest(NDArray... arrays) {
        try (TensorList list = TensorList.of(List.of(arrays))) {
            return ForeachOps.largest(list);
        }
    }

    /** The memory of the check is the array's, also after it is given other memory. */
    @Test
    void repeatedChecks_followOtherMemory() {
        List<NDArray> arrays = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            arrays.add(manager.zeros(new Shape(i % 2 == 0 ? 3 : 3000)));
        }
        FiniteCheck check = new FiniteCheck(arrays, manager);
        for (int i = 0; i < 40; i++) {
            float[] values = new float[Math.toIntExact(arrays.get(i).size())];
            values[2] = Float.NaN;
            arrays.get(i).set(values);
            assertEquals(i, check.firstNonFinite());
            values[2] = 0;
            arrays.get(i).set(values);
            assertEquals(-1, check.firstNonFinite());
        }
    }

    /** The check reads the values of the moment, and only reads. */
    @Test
    void repeatedChecks_followTheValues() {
        NDArray weight = manager.zeros(new Shape(4, 4));
        weight.setRequiresGradient(true);
        NDArray bias = manager.zeros(new Shape(3));
        FiniteCheck check = new FiniteCheck(new NDList(weight, bias), manager);
        for (float value : new float[] {1, Float.NaN, 2, Float.POSITIVE_INFINITY, 3}) {
            try (TensorList target = TensorList.of(new NDList(bias));
                    TensorList source =
                            TensorList.of(new NDList(manager.create(new float[] {0, 0, value})))) {
                ForeachOps.copy(target, source);
            }
            ByteBuffer before = bias.toByteBuffer();
            assertEquals(Float.isFinite(value) ? -1 : 1, check.firstNonFinite());
            assertEquals(before, bias.toByteBuffer());
        }
        assertTrue(weight.hasGradient());
        assertFalse(bias.hasGradient());
    }

    @Test
    void closedArray_isReported() {
        NDArray array = manager.zeros(new Shape(3));
        FiniteCheck check =
                new FiniteCheck(List.of(manager.zeros(new Shape(2, 2)), array), manager);
        array.close();
        IllegalStateException e = assertThrows(IllegalStateException.class, check::firstNonFinite);
        assertEquals("The array at index 1 of 2 is closed", e.getMessage());
    }

    @Test
    void closedManager_endsTheCheck() {
        NDManager own = manager.newSubManager();
        FiniteCheck check = new FiniteCheck(List.of(manager.zeros(new Shape(3))), own);
        own.close();
        IllegalStateException e = assertThrows(IllegalStateException.class, check::firstNonFinite);
        assertEquals("The list is closed", e.getMessage());
    }

    @Test
    void noArrays_areRefused() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class, () -> new FiniteCheck(List.of(), manager));
        assertEquals("arrays must not be empty", e.getMessage());
    }

    @Test
    void requireFinite_namesThePlace() {
        float[] values = new float[24];
        NDArray array = manager.create(values, new Shape(2, 3, 4));
        FiniteCheck.requireFinite("images", array);
        values[17] = Float.NaN;
        values[20] = Float.POSITIVE_INFINITY;
        for (DataType type : List.of(DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64)) {
            NDArray bad = manager.create(values, new Shape(2, 3, 4)).toType(type, false);
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> FiniteCheck.requireFinite("images", bad));
            assertEquals("images must be finite, got NaN at (1, 1, 1)", e.getMessage());
        }
    }

    /** The sum of these overflows, and no integer is infinite. */
    @Test
    void requireFinite_acceptsLargeValuesAndIntegers() {
        FiniteCheck.requireFinite("x", manager.ones(new Shape(64), DataType.FLOAT16).mul(6e4));
        FiniteCheck.requireFinite("x", manager.ones(new Shape(64)).mul(Float.MAX_VALUE));
        FiniteCheck.requireFinite("x", manager.create(new int[] {1, 2}));
        FiniteCheck.requireFinite("x", manager.create(new Shape(0)));
    }
}
