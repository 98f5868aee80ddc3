// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ForeachOpsTest {

    private NDManager manager;
    private NDList first;
    private NDList second;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
        manager.getEngine().setRandomSeed(7);
        first = random();
        second = random();
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private NDList random() {
        return new NDList(
                manager.randomNormal(new Shape(3, 5)),
                manager.randomNormal(new Shape(7)),
                manager.randomNormal(new Shape(2, 3, 4)));
    }

    /** The formula of torch.lerp in float64, which bounds the float32 result by its rounding. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 1e-4, 0.1, 0.499, 0.5, 0.9, 1})
    void lerp_matchesFloat64(double weight) {
        float[][] target = values(first);
        float[][] source = values(second);
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(second)) {
            ForeachOps.lerp(t, s, weight);
        }
        for (int i = 0; i < target.length; i++) {
            float[] actual = first.get(i).toFloatArray();
            for (int j = 0; j < actual.length; j++) {
                double exact = target[i][j] + weight * ((double) source[i][j] - target[i][j]);
                double ulp = Math.ulp(Math.max(Math.abs(target[i][j]), Math.abs(source[i][j])));
                assertEquals(exact, actual[j], 2 * ulp);
            }
        }
    }

    @Test
    void lerp_weightOneCopies() {
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(second)) {
            ForeachOps.lerp(t, s, 1);
        }
        assertSame(values(second), values(first));
    }

    @Test
    void lerp_ofItselfIsAFixedPoint() {
        float[][] before = values(first);
        NDList same = new NDList(first.stream().map(NDArray::duplicate).toList());
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(same)) {
            for (int i = 0; i < 1000; i++) {
                ForeachOps.lerp(t, s, 0.0003);
            }
        }
        assertSame(before, values(first));
    }

    @Test
    void lerp_leavesGradientsOut() {
        for (NDArray array : first) {
            array.setRequiresGradient(true);
        }
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(second)) {
            ForeachOps.lerp(t, s, 0.5);
        }
        assertTrue(first.get(0).hasGradient());
    }

    @Test
    void copy_convertsTypes() {
        NDList wide =
                new NDList(
                        second.stream().map(a -> a.toType(DataType.FLOAT64, true).mul(3)).toList());
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(wide)) {
            ForeachOps.copy(t, s);
        }
        for (int i = 0; i < first.size(); i++) {
            float[] actual = first.get(i).toFloatArray();
            double[] expected = wide.get(i).toDoubleArray();
            for (int j = 0; j < actual.length; j++) {
                assertEquals((float) expected[j], actual[j]);
            }
        }
    }

    @Test
    void swap_twiceIsTheIdentity() {
        NDArray zeros = manager.create(new float[] {-0.0f, 0.0f, Float.NaN, Float.MIN_VALUE});
        NDArray ones = manager.create(new float[] {0.0f, -0.0f, 1.0f, 0x1p126f});
        first.add(zeros);
        second.add(ones);
        float[][] a = values(first);
        float[][] b = values(second);
        try (TensorList f = TensorList.of(first);
                TensorList s = TensorList.of(second)) {
            ForeachOps.swap(f, s);
            assertSame(b, values(first));
            assertSame(a, values(second));
            ForeachOps.swap(f, s);
        }
        assertSame(a, values(first));
        assertSame(b, values(second));
    }

    @Test
    void versionSum_countsInPlaceChanges() {
        try (TensorList list = TensorList.of(first)) {
            long before = ForeachOps.versionSum(list);
            first.get(1).addi(1);
            first.get(2).muli(2);
            assertEquals(before + 2, ForeachOps.versionSum(list));
        }
    }

    @Test
    void distance_isTheNormOfTheDifference() {
        NDList a = new NDList(manager.create(new float[] {1, 2}), manager.create(new float[] {5}));
        NDList b = new NDList(manager.create(new float[] {4, 2}), manager.create(new float[] {1}));
        try (TensorList x = TensorList.of(a);
                TensorList y = TensorList.of(b)) {
            assertEquals(5, ForeachOps.distance(x, y), 1e-12);
            assertEquals(0, ForeachOps.distance(x, x));
            assertEquals(Math.sqrt(1 + 4 + 25), ForeachOps.norm(x), 1e-6);
        }
    }

    @Test
    void norms_areThoseOfEachArray() {
        NDList arrays =
                new NDList(
                        manager.create(new float[] {3, -4}),
                        manager.zeros(new Shape(2, 2)),
                        manager.create(-7f),
                        manager.create(new float[][] {{1, 2}, {2, 4}}).transpose());
        try (TensorList list = TensorList.of(arrays)) {
            double[] norms = ForeachOps.norms(list);
            assertArrayEquals(new double[] {5, 0, 7, 5}, norms, 1e-6);
            assertEquals(Math.sqrt(25 + 49 + 25), ForeachOps.norm(list), 1e-5);
        }
        for (NDArray array : first) {
            double squares = 0;
            for (float value : array.toFloatArray()) {
                squares += (double) value * value;
            }
            try (TensorList list = TensorList.of(new NDList(array))) {
                assertEquals(Math.sqrt(squares), ForeachOps.norms(list)[0], 1e-6);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void norms_ofValuesThatAreNotFinite(float value) {
        first.get(1).set(new NDIndex(6), value);
        try (TensorList list = TensorList.of(first)) {
            double[] norms = ForeachOps.norms(list);
            assertTrue(Double.isFinite(norms[0]) && Double.isFinite(norms[2]));
            assertEquals(Math.abs(value), norms[1]);
        }
    }

    /** Each product is exact and each sum is rounded once. */
    @Test
    void add_widensTheSource() {
        NDList wide = new NDList();
        for (NDArray array : first) {
            wide.add(array.toType(DataType.FLOAT64, true));
        }
        float[][] start = values(first);
        float[][] added = values(second);
        try (TensorList t = TensorList.of(wide);
                TensorList s = TensorList.of(second)) {
            ForeachOps.add(t, s, -0.25);
            ForeachOps.add(t, s, 0);
        }
        for (int i = 0; i < start.length; i++) {
            double[] sums = wide.get(i).toDoubleArray();
            for (int j = 0; j < sums.length; j++) {
                assertEquals(start[i][j] - 0.25 * added[i][j], sums[j]);
            }
        }
        assertSame(added, values(second));
    }

    @Test
    void add_ofAFactorThatIsNoFloat32() {
        NDList wide = new NDList(manager.create(new double[] {1, -2}).duplicate());
        NDList ones = new NDList(manager.create(new float[] {1, 1}));
        try (TensorList t = TensorList.of(wide);
                TensorList s = TensorList.of(ones)) {
            ForeachOps.add(t, s, 0.1);
        }
        assertArrayEquals(new double[] {1 + 0.1, -2 + 0.1}, wide.get(0).toDoubleArray());
    }

    @Test
    void engineError_namesTheOperation() {
        NDList numbers = new NDList(manager.create(new int[] {1, 2}));
        NDList others = new NDList(manager.create(new float[] {1, 2}));
        try (TensorList t = TensorList.of(numbers);
                TensorList s = TensorList.of(others)) {
            EngineException e =
                    assertThrows(EngineException.class, () -> ForeachOps.lerp(t, s, 0.5));
            assertEquals(
                    "lerp_ failed: RuntimeError: expected dtype int for `end` but got dtype float",
                    e.getMessage());
        }
    }

    @Test
    void sizes_mustMatch() {
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(second.subNDList(1))) {
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> ForeachOps.copy(t, s));
            assertEquals("lists must have the same size, got 3 and 2", e.getMessage());
        }
    }

    @Test
    void shapes_mustMatch() {
        NDList other = new NDList(second);
        other.set(0, manager.zeros(new Shape(5)));
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(other)) {
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> ForeachOps.lerp(t, s, 0.5));
            assertEquals(
                    "arrays at index 0 must have the same shape, got (3, 5) and (5)",
                    e.getMessage());
        }
    }

    @Test
    void weight_mustBeFinite() {
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(second)) {
            IllegalArgumentException e =
                    assertThrows(
                            IllegalArgumentException.class,
                            () -> ForeachOps.lerp(t, s, Double.NaN));
            assertEquals("weight must be finite, got NaN", e.getMessage());
        }
    }

    @Test
    void closedArray_isReportedNotRead() {
        try (TensorList t = TensorList.of(first);
                TensorList s = TensorList.of(second)) {
            second.get(1).close();
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> ForeachOps.copy(t, s));
            assertEquals("The array at index 1 of 3 is closed", e.getMessage());
        }
    }

    @Test
    void closedList_isReported() {
        TensorList list = TensorList.of(first);
        list.close();
        list.close();
        IllegalStateException e =
                assertThrows(IllegalStateException.class, () -> ForeachOps.versionSum(list));
        assertEquals("The list is closed", e.getMessage());
    }

    @Test
    void emptyList_isRefused() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> TensorList.of(new NDList()));
        assertEquals("arrays must not be empty", e.getMessage());
    }

    private static float[][] values(NDList list) {
        return list.stream().map(NDArray::toFloatArray).toArray(float[][]::new);
    }

    private static void assertSame(float[][] expected, float[][] actual) {
        for (int i = 0; i < expected.length; i++) {
            assertArrayEquals(bits(expected[i]), bits(actual[i]));
        }
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(values[i]);
        }
        return bits;
    }
}
