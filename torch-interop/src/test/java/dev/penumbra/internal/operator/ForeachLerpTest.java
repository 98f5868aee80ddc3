// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Moves with a weight for each array, against the same arithmetic in Java, bit for bit. */
final class ForeachLerpTest {

    /** Sizes around those of vector registers and of the engine's loops. */
    private static final int[] SIZES = {1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 1000, 40_000};

    private static final double[] WEIGHTS = {
        0, 1, 0.5, 0.1, 1e-4, 1e-7, 0.9, 0.999, 0.49999999, 1.0 / 3, 1e-30, 0.7, 0.25, 0.75
    };

    private NDManager manager;
    private Random random = new Random(0);
    private NDList target = new NDList();
    private NDList source = new NDList();

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private void fill(long seed) {
        random = new Random(seed);
        target = arrays();
        source = arrays();
    }

    /** An array of every size, and one whose rows do not follow each other in memory. */
    private NDList arrays() {
        NDList arrays = new NDList();
        for (int size : SIZES) {
            arrays.add(manager.create(Numbers.values(random, size)).duplicate());
        }
        arrays.set(3, manager.create(Numbers.values(random, 35), new Shape(5, 7)).transpose());
        arrays.set(0, manager.create(Numbers.values(random, 1), new Shape()).duplicate());
        return arrays;
    }

    private static double[] rotated(int by) {
        double[] weights = new double[WEIGHTS.length];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = WEIGHTS[(i + by) % weights.length];
        }
        return weights;
    }

    /** An operation on all arrays at once. */
    private interface Operation {
        void run(TensorList target, TensorList source, double[] numbers);
    }

    private void assertMoves(
            Operation operation, double[] numbers, Numbers.Move expected, Numbers.Move or) {
        float[][] before = values(target);
        float[][] towards = values(source);
        try (TensorList t = TensorList.of(target);
                TensorList s = TensorList.of(source)) {
            operation.run(t, s, numbers);
        }
        for (int i = 0; i < before.length; i++) {
            float[] after = target.get(i).toFloatArray();
            for (int j = 0; j < after.length; j++) {
                double number = numbers[i];
                float from = before[i][j];
                float to = towards[i][j];
                float a = expected.of(from, to, number);
                float b = or.of(from, to, number);
                Numbers.assertEither(a, b, after[j], () -> from + " to " + to + " by " + number);
            }
        }
        for (int i = 0; i < towards.length; i++) {
            assertArrayEquals(towards[i], source.get(i).toFloatArray());
        }
    }

    private static float[][] values(NDList list) {
        return list.stream().map(NDArray::toFloatArray).toArray(float[][]::new);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void lerp_ofEachWeight(long seed) {
        fill(seed);
        for (int i = 0; i < WEIGHTS.length; i++) {
            assertMoves(ForeachOps::lerp, rotated(i), Numbers::lerp, Numbers::fusedLerp);
        }
    }

    /** The same element comes out the same, wherever it lies and whatever goes with it. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void lerp_ofPiecesEqualsThatOfTheWhole(long seed) {
        random = new Random(seed);
        for (double weight : WEIGHTS) {
            NDArray whole = manager.create(Numbers.values(random, 1003)).duplicate();
            NDArray copy = whole.duplicate();
            NDArray online = manager.create(Numbers.values(random, 1003)).duplicate();
            try (TensorList t = TensorList.of(new NDList(whole));
                    TensorList s = TensorList.of(new NDList(online))) {
                ForeachOps.lerp(t, s, weight);
            }
            NDList targets = new NDList();
            NDList sources = new NDList();
            for (int begin = 0; begin < 1003; begin += 1 + begin % 37) {
                int end = Math.min(1003, begin + 1 + begin % 37);
                targets.add(copy.get(begin + ":" + end));
                sources.add(online.get(begin + ":" + end));
            }
            double[] weights = new double[targets.size()];
            java.util.Arrays.fill(weights, weight);
            try (TensorList t = TensorList.of(targets);
                    TensorList s = TensorList.of(sources)) {
                ForeachOps.lerp(t, s, weights);
            }
            assertEquals(whole.toByteBuffer(), copy.toByteBuffer(), "weight " + weight);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void lerpBySubtraction_roundsEachOperation(long seed) {
        fill(seed);
        for (int i = 0; i < WEIGHTS.length; i++) {
            assertMoves(
                    ForeachOps::lerpBySubtraction,
                    rotated(i),
                    Numbers::bySubtraction,
                    Numbers::bySubtraction);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void lerpByDivision_roundsEachOperation(long seed) {
        fill(seed);
        for (int i = 0; i < WEIGHTS.length; i++) {
            double[] divisors = rotated(i);
            for (int j = 0; j < divisors.length; j++) {
                divisors[j] = 1 / divisors[j];
            }
            assertMoves(
                    ForeachOps::lerpByDivision, divisors, Numbers::byDivision, Numbers::byDivision);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void lerpCompensated_roundsEachOperation(long seed) {
        fill(seed);
        NDList carry = zeros();
        for (int i = 0; i < 2 * WEIGHTS.length; i++) {
            float[][] before = values(target);
            float[][] errors = values(carry);
            float[][] towards = values(source);
            double[] weights = rotated(i);
            move(carry, weights);
            for (int k = 0; k < before.length; k++) {
                float[] after = target.get(k).toFloatArray();
                float[] left = carry.get(k).toFloatArray();
                for (int j = 0; j < after.length; j++) {
                    float[] expected =
                            Numbers.compensated(
                                    before[k][j], errors[k][j], towards[k][j], weights[k]);
                    double weight = weights[k];
                    Numbers.assertBits(expected[0], after[j], () -> "target, by " + weight);
                    Numbers.assertBits(expected[1], left[j], () -> "carry, by " + weight);
                }
            }
        }
    }

    private NDList zeros() {
        return new NDList(
                target.stream()
                        .map(a -> manager.zeros(a.getShape(), a.getDataType()))
                        .toArray(NDArray[]::new));
    }

    private void move(NDList carry, double... weights) {
        try (TensorList t = TensorList.of(target);
                TensorList c = TensorList.of(carry);
                TensorList s = TensorList.of(source)) {
            ForeachOps.lerpCompensated(t, c, s, weights);
        }
    }

    /** At a weight of 1e-7 float32 alone loses every move; the sum of both loses none. */
    @Test
    void lerpCompensated_followsTheExactRecurrence() {
        target = new NDList(manager.create(new float[] {1, 100, 1e-3f, -5, 0}).duplicate());
        source = new NDList(manager.create(new float[] {1.5f, 101, 1, -5.0001f, 1e-6f}));
        BigDecimal weight = new BigDecimal((double) 1e-7f);
        BigDecimal[] exact = new BigDecimal[5];
        for (int i = 0; i < exact.length; i++) {
            exact[i] = new BigDecimal(target.get(0).getFloat(i));
        }
        NDList carry = zeros();
        for (int step = 0; step < 2000; step++) {
            move(carry, 1e-7f);
            for (int i = 0; i < exact.length; i++) {
                BigDecimal online = new BigDecimal(source.get(0).getFloat(i));
                BigDecimal change = online.subtract(exact[i]).multiply(weight);
                exact[i] = exact[i].add(change, MathContext.DECIMAL64);
            }
        }
        for (int i = 0; i < exact.length; i++) {
            float value = target.get(0).getFloat(i);
            double distance = source.get(0).getFloat(i) - exact[i].doubleValue();
            // Half a unit for the rounding of the target; the change itself has 24 digits.
            double bound = 0.51 * Math.ulp(value) + 2e-4 * Math.abs(distance) * 0x1p-22;
            assertEquals(exact[i].doubleValue(), value, bound);
        }
    }

    @Test
    void lerpCompensated_weightOneCopiesAndForgets() {
        fill(5);
        NDList carry = zeros();
        move(carry, rotated(3));
        double[] ones = new double[WEIGHTS.length];
        java.util.Arrays.fill(ones, 1);
        move(carry, ones);
        for (int i = 0; i < target.size(); i++) {
            assertEquals(source.get(i).toByteBuffer(), target.get(i).toByteBuffer());
            assertEquals(0, carry.get(i).abs().sum().getFloat());
        }
    }

    /** Negative zeros, infinite values and NaN included: nothing is computed. */
    @Test
    void weightsZeroAndOne_leaveAndCopyAnything() {
        float[] from = {-0f, 1, Float.NaN, -3e38f, Float.POSITIVE_INFINITY, 5, -0f, 1e-8f};
        float[] to = {1, -0f, 2, 3e38f, 7, Float.NaN, Float.NEGATIVE_INFINITY, 1};
        for (boolean copies : new boolean[] {false, true}) {
            double weight = copies ? 1 : 0;
            assertLeavesOrCopies(from, to, (t, s, c) -> ForeachOps.lerp(t, s, weight), copies);
            assertLeavesOrCopies(
                    from, to, (t, s, c) -> ForeachOps.lerp(t, s, new double[] {weight}), copies);
            assertLeavesOrCopies(
                    from, to, (t, s, c) -> ForeachOps.lerpCompensated(t, c, s, weight), copies);
            assertLeavesOrCopies(
                    from, to, (t, s, c) -> ForeachOps.lerpByDivision(t, s, 1 / weight), copies);
        }
        assertLeavesOrCopies(from, to, (t, s, c) -> ForeachOps.lerpBySubtraction(t, s, 0), false);
    }

    /** An operation on one array, with a carry. */
    private interface Carried {
        void run(TensorList target, TensorList source, TensorList carry);
    }

    private void assertLeavesOrCopies(float[] from, float[] to, Carried move, boolean copies) {
        NDArray moved = manager.create(from).duplicate();
        try (TensorList t = TensorList.of(new NDList(moved));
                TensorList s = TensorList.of(new NDList(manager.create(to)));
                TensorList c = TensorList.of(new NDList(manager.zeros(new Shape(8))))) {
            move.run(t, s, c);
        }
        float[] after = moved.toFloatArray();
        for (int i = 0; i < after.length; i++) {
            Numbers.assertBits(copies ? to[i] : from[i], after[i], () -> "copies " + copies);
        }
    }

    @Test
    void doublePrecision_keepsItsDigits() {
        target = new NDList(manager.create(new double[] {1, 1e-300, -0.0}).duplicate());
        source = new NDList(manager.create(new double[] {1.5, 2e-300, 4}));
        double[] start = target.get(0).toDoubleArray();
        double[] online = source.get(0).toDoubleArray();
        double weight = 1e-13;
        try (TensorList t = TensorList.of(target);
                TensorList s = TensorList.of(source)) {
            ForeachOps.lerp(t, s, new double[] {weight});
            double[] moved = target.get(0).toDoubleArray();
            for (int i = 0; i < moved.length; i++) {
                double fused = Math.fma(weight, online[i] - start[i], start[i]);
                double plain = start[i] + weight * (online[i] - start[i]);
                assertEquals(moved[i] == fused ? fused : plain, moved[i]);
            }
            ForeachOps.lerpBySubtraction(t, s, weight);
            ForeachOps.lerpByDivision(t, s, 1 / weight);
            for (int i = 0; i < moved.length; i++) {
                double subtracted = moved[i] - weight * (moved[i] - online[i]);
                double divided = subtracted + (online[i] - subtracted) / (1 / weight);
                assertEquals(divided, target.get(0).getDouble(i));
            }
        }
    }

    @Test
    void moves_recordNoGradient() {
        fill(6);
        NDList carry = zeros();
        source.forEach(array -> array.setRequiresGradient(true));
        double[] weights = rotated(3);
        try (TensorList t = TensorList.of(target);
                TensorList c = TensorList.of(carry);
                TensorList s = TensorList.of(source)) {
            ForeachOps.lerp(t, s, weights);
            ForeachOps.lerpCompensated(t, c, s, weights);
            ForeachOps.lerpBySubtraction(t, s, weights);
            ForeachOps.lerpByDivision(t, s, rotatedAboveZero());
            ForeachOps.add(t, s, 2);
            ForeachOps.norms(s);
            ForeachOps.stalledShare(t, s, 0.5);
        }
        target.forEach(array -> assertFalse(array.hasGradient()));
        carry.forEach(array -> assertFalse(array.hasGradient()));
        source.forEach(array -> assertTrue(array.hasGradient()));
    }

    private static double[] rotatedAboveZero() {
        double[] divisors = rotated(0);
        divisors[0] = 3;
        return divisors;
    }

    /** Targets that require gradients, as the weights of a model do, are moved all the same. */
    @Test
    void moves_ofArraysWithGradients() {
        target = new NDList(manager.create(new float[] {0, 8}).duplicate());
        source = new NDList(manager.create(new float[] {8, 0}).duplicate());
        target.get(0).setRequiresGradient(true);
        source.get(0).setRequiresGradient(true);
        NDList carry = new NDList(manager.zeros(new Shape(2)));
        move(carry, 0.5);
        try (TensorList t = TensorList.of(target);
                TensorList s = TensorList.of(source)) {
            ForeachOps.lerp(t, s, new double[] {0.5});
            ForeachOps.lerpBySubtraction(t, s, 0.5);
            ForeachOps.lerpByDivision(t, s, 2);
            ForeachOps.add(t, s, 1);
        }
        assertArrayEquals(new float[] {15.5f, 0.5f}, target.get(0).toFloatArray());
        assertTrue(target.get(0).hasGradient());
    }

    /** All that differ stay, none does, some do; what is equal already does not count. */
    @Test
    void stalledShare_countsMovesThatRoundToNothing() {
        target = new NDList(manager.create(new float[] {1, 1, 1, 1}), manager.create(0f));
        source = new NDList(manager.create(new float[] {2, 1, 1.5f, 1e7f}), manager.create(1e-3f));
        try (TensorList t = TensorList.of(target);
                TensorList s = TensorList.of(source)) {
            assertEquals(0, ForeachOps.stalledShare(t, s, 0.5));
            assertEquals(1, ForeachOps.stalledShare(t, s, 0));
            // The half of a unit of 1 is 2^-24; 0 can move by anything.
            assertEquals(2 / 4.0, ForeachOps.stalledShare(t, s, 1e-8));
            assertEquals(0, ForeachOps.stalledShare(t, t, 1e-8));
            assertEquals(0, ForeachOps.stalledShare(t, s, 1));
            assertArrayEquals(new float[] {1, 1, 1, 1}, target.get(0).toFloatArray());
        }
    }

    @Test
    void rejectedArguments() {
        target = new NDList(manager.zeros(new Shape(2)), manager.zeros(new Shape(3)));
        source = new NDList(manager.ones(new Shape(2)), manager.ones(new Shape(3)));
        double nan = Double.NaN;
        double infinite = Double.POSITIVE_INFINITY;
        try (TensorList t = TensorList.of(target);
                TensorList s = TensorList.of(source)) {
            String count = "weights must be as many as arrays, got 1 and 2";
            assertRejected(count, () -> ForeachOps.lerp(t, s, new double[] {1}));
            assertRejected(count, () -> ForeachOps.lerpCompensated(t, s, s, 1));
            assertRejected(count, () -> ForeachOps.lerpBySubtraction(t, s, 1));
            assertRejected(count, () -> ForeachOps.lerpByDivision(t, s, 1));
            String notANumber = "weight must be finite, got NaN";
            assertRejected(notANumber, () -> ForeachOps.lerp(t, s, 1, nan));
            assertRejected(notANumber, () -> ForeachOps.lerpCompensated(t, s, s, 1, nan));
            assertRejected(notANumber, () -> ForeachOps.lerpBySubtraction(t, s, nan, 1));
            assertRejected(
                    "weight must be finite, got Infinity",
                    () -> ForeachOps.lerp(t, s, 1, infinite));
            assertRejected(
                    "divisor must be a number, got NaN",
                    () -> ForeachOps.lerpByDivision(t, s, 1, nan));
            assertRejected(
                    "factor must be finite, got Infinity", () -> ForeachOps.add(t, s, infinite));
            assertRejected("factor must be finite, got NaN", () -> ForeachOps.add(t, s, nan));
            assertRejected(
                    "weight must be finite, got NaN", () -> ForeachOps.stalledShare(t, s, nan));
        }
        target.forEach(array -> assertEquals(0, array.sum().getFloat()));
    }

    @Test
    void rejectedShapes() {
        target = new NDList(manager.zeros(new Shape(2)), manager.zeros(new Shape(3)));
        source = new NDList(manager.ones(new Shape(2)), manager.ones(new Shape(3)));
        NDList shorter = new NDList(manager.ones(new Shape(2)), manager.ones(new Shape(2)));
        try (TensorList t = TensorList.of(target);
                TensorList s = TensorList.of(source);
                TensorList w = TensorList.of(shorter)) {
            String shapes = "arrays at index 1 must have the same shape, got (3) and (2)";
            String reversed = "arrays at index 1 must have the same shape, got (2) and (3)";
            assertRejected(shapes, () -> ForeachOps.lerp(t, w, 0.5, 0.5));
            assertRejected(reversed, () -> ForeachOps.lerpCompensated(t, w, s, 0.5, 0.5));
            assertRejected(shapes, () -> ForeachOps.lerpCompensated(t, s, w, 0.5, 0.5));
            assertRejected(shapes, () -> ForeachOps.lerpBySubtraction(t, w, 0.5, 0.5));
            assertRejected(shapes, () -> ForeachOps.lerpByDivision(t, w, 2, 2));
            assertRejected(shapes, () -> ForeachOps.add(t, w, 1));
            assertRejected(shapes, () -> ForeachOps.stalledShare(t, w, 0.5));
        }
        target.forEach(array -> assertEquals(0, array.sum().getFloat()));
    }

    private static void assertRejected(String message, Executable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
    }

    @Test
    void integers_haveNoMove() {
        NDList numbers = new NDList(manager.create(new int[] {1, 2}).duplicate());
        NDList others = new NDList(manager.create(new int[] {3, 4}));
        try (TensorList t = TensorList.of(numbers);
                TensorList s = TensorList.of(others)) {
            EngineException e =
                    assertThrows(
                            EngineException.class, () -> ForeachOps.lerp(t, s, new double[] {0.5}));
            assertEquals(
                    "lerp_each_ failed: RuntimeError: \"lerp_kernel_scalar\" not implemented for"
                            + " 'Int'",
                    e.getMessage());
        }
        assertArrayEquals(new int[] {1, 2}, numbers.get(0).toIntArray());
        assertEquals(DataType.INT32, numbers.get(0).getDataType());
    }
}
