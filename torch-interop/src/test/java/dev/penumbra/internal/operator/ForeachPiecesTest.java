// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Arrays that are worked on piece by piece, against Java, value by value. */
final class ForeachPiecesTest {

    private static final int LARGE = (1 << 19) + 13;

    /** Cut along the first axis, another one, the longest of short ones, and not at all. */
    static Stream<Shape> shapes() {
        return Stream.of(
                new Shape(LARGE),
                new Shape(700, 1000),
                new Shape(2, LARGE),
                new Shape(1, 1, LARGE),
                new Shape(3, 2, 1 << 18),
                new Shape(1 << 18, 3, 1),
                new Shape(1 << 19),
                new Shape(5, 7),
                new Shape(),
                new Shape(0),
                new Shape(4, 0));
    }

    private NDManager manager;
    private final Random random = new Random(5);

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager();
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private NDArray array(Shape shape, DataType type) {
        double[] values = new double[Math.toIntExact(shape.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextInt(1 << 20) * 0x1p-16;
        }
        // DJL's toType makes no copy for the same type, and what it shares is a Java buffer.
        try (NDArray wide = manager.create(values, shape);
                NDArray typed = wide.toType(type, true)) {
            return typed.duplicate();
        }
    }

    private static double[] values(NDArray array) {
        try (NDArray wide = array.toType(DataType.FLOAT64, true)) {
            return wide.toDoubleArray();
        }
    }

    /** The one list of an array, and of the same array in another layout. */
    private interface Check {
        void run(NDArray first, NDArray second);
    }

    private void withLayouts(Shape shape, DataType firstType, DataType secondType, Check check) {
        NDArray first = array(shape, firstType);
        NDArray second = array(shape, secondType);
        check.run(first, second);
        int axes = shape.dimension();
        if (axes > 1) {
            check.run(array(shape, firstType).transpose(), array(shape, secondType).transpose());
            long[] reversed = new long[axes];
            for (int i = 0; i < axes; i++) {
                reversed[i] = shape.get(axes - 1 - i);
            }
            check.run(array(shape, firstType), array(new Shape(reversed), secondType).transpose());
        }
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void distance_isThatOfAllValues(Shape shape) {
        for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT16, DataType.FLOAT64)) {
            withLayouts(shape, DataType.FLOAT32, type, this::assertDistance);
        }
    }

    private void assertDistance(NDArray first, NDArray second) {
        double[] one = values(first);
        double[] other = values(second);
        double squares = 0;
        for (int i = 0; i < one.length; i++) {
            squares += (one[i] - other[i]) * (one[i] - other[i]);
        }
        try (TensorList a = TensorList.of(List.of(first, manager.create(3f)));
                TensorList b = TensorList.of(List.of(second, manager.create(7f)))) {
            double expected = Math.sqrt(squares + 16);
            // A few roundings of float64 of each of a million sums at most.
            assertEquals(expected, ForeachOps.distance(a, b), expected * 1e-11);
            assertEquals(0, ForeachOps.distance(a, a));
        }
        assertArrayEquals(one, values(first));
        assertArrayEquals(other, values(second));
    }

    /** The difference of half-precision numbers is beyond their range. */
    @Test
    void distance_doesNotOverflow() {
        NDArray first = manager.create(60_000f).toType(DataType.FLOAT16, true);
        NDArray second = manager.create(-60_000f).toType(DataType.FLOAT16, true);
        double large = Float.MAX_VALUE;
        NDArray third = manager.create((float) large);
        NDArray fourth = manager.create((float) -large);
        assertEquals(120_000, distance(first, second), 100);
        assertEquals(2 * large, distance(third, fourth), large * 1e-12);
        assertEquals(Double.NaN, distance(first, manager.create(Float.NaN)));
    }

    private static double distance(NDArray first, NDArray second) {
        try (TensorList a = TensorList.of(List.of(first));
                TensorList b = TensorList.of(List.of(second))) {
            return ForeachOps.distance(a, b);
        }
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void stalledShare_countsAllValues(Shape shape) {
        for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT16)) {
            withLayouts(shape, DataType.FLOAT32, type, this::assertStalledShare);
        }
    }

    private void assertStalledShare(NDArray target, NDArray source) {
        float weight = 1e-7f;
        double[] from = values(target);
        double[] to = values(source);
        long apart = 0;
        long unmoved = 0;
        for (int i = 0; i < from.length; i++) {
            float begin = (float) from[i];
            float moved = Numbers.fusedLerp(begin, (float) to[i], weight);
            apart += begin == (float) to[i] ? 0 : 1;
            unmoved += begin != (float) to[i] && moved == begin ? 1 : 0;
        }
        try (TensorList t = TensorList.of(List.of(target));
                TensorList s = TensorList.of(List.of(source))) {
            double share = ForeachOps.stalledShare(t, s, weight);
            // Rounding once or twice differs for a few values on the edge.
            assertEquals(apart == 0 ? 0 : (double) unmoved / apart, share, 1e-3);
        }
        assertArrayEquals(from, values(target));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void swap_exchangesAllValues(Shape shape) {
        withLayouts(
                shape,
                DataType.FLOAT32,
                DataType.FLOAT32,
                (first, second) -> {
                    double[] one = values(first);
                    double[] other = values(second);
                    try (TensorList a = TensorList.of(List.of(first));
                            TensorList b = TensorList.of(List.of(second))) {
                        ForeachOps.swap(a, b);
                    }
                    assertArrayEquals(other, values(first));
                    assertArrayEquals(one, values(second));
                });
    }

    /** A move of one array of the list, by its own weight. */
    private enum Way {
        LERP {
            @Override
            void run(TensorList target, TensorList carry, TensorList source, double... weights) {
                ForeachOps.lerp(target, source, weights);
            }
        },
        SUBTRACTION {
            @Override
            void run(TensorList target, TensorList carry, TensorList source, double... weights) {
                ForeachOps.lerpBySubtraction(target, source, weights);
            }
        },
        DIVISION {
            @Override
            void run(TensorList target, TensorList carry, TensorList source, double... weights) {
                double[] divisors = weights.clone();
                for (int i = 0; i < divisors.length; i++) {
                    divisors[i] = 1 / weights[i];
                }
                ForeachOps.lerpByDivision(target, source, divisors);
            }
        },
        COMPENSATED {
            @Override
            void run(TensorList target, TensorList carry, TensorList source, double... weights) {
                ForeachOps.lerpCompensated(target, carry, source, weights);
            }
        };

        abstract void run(TensorList target, TensorList carry, TensorList source, double... w);
    }

    /**
     * Three targets of one source, one that copies and one that stays, are where a small array
     * would be, and neither the source nor what follows has changed.
     */
    @ParameterizedTest
    @EnumSource
    void severalTargetsOfOneSource_moveLikeSmallOnes(Way way) {
        for (DataType type : List.of(DataType.FLOAT32, DataType.FLOAT16, DataType.FLOAT64)) {
            shapes().forEach(shape -> assertMoves(way, shape, type));
        }
    }

    private void assertMoves(Way way, Shape shape, DataType sourceType) {
        NDArray source = array(shape, sourceType);
        NDArray scalar = manager.create(4f);
        NDList targets = new NDList();
        for (int i = 0; i < 4; i++) {
            targets.add(array(shape, DataType.FLOAT32));
        }
        targets.add(manager.create(2f).duplicate());
        NDList sources = new NDList(source, source, source, source, scalar);
        NDList carries = new NDList(targets.stream().map(NDArray::zerosLike).toList());
        double[] weights = {0.25, 1, 0, 0.75, 0.5};
        double[][] from = targets.stream().map(ForeachPiecesTest::values).toArray(double[][]::new);
        double[] to = values(source);
        try (TensorList t = TensorList.of(targets);
                TensorList c = TensorList.of(carries);
                TensorList s = TensorList.of(sources)) {
            way.run(t, c, s, weights);
        }
        assertArrayEquals(new double[] {3}, values(targets.get(4)));
        assertArrayEquals(to, values(source));
        for (int k = 0; k < 4; k++) {
            double[] after = values(targets.get(k));
            for (int i = 0; i < after.length; i++) {
                // Only a division by 4 / 3 rounds.
                float online = (float) to[i];
                float begin = (float) from[k][i];
                float expected = (float) (begin + weights[k] * ((double) online - begin));
                assertEquals(expected, (float) after[i], Math.ulp(32f));
            }
            assertFalse(targets.get(k).hasGradient());
        }
        manager.getManagedArrays().forEach(NDArray::close);
    }

    @Test
    void largeArrays_moveInPieces() {
        assertTrue(ForeachOps.isMovedInPieces(manager.zeros(new Shape(LARGE))));
        assertFalse(ForeachOps.isMovedInPieces(manager.zeros(new Shape(1 << 19))));
    }
}
