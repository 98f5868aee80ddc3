// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.GradientCollector;
import ai.djl.training.loss.Loss;
import ai.djl.util.passthrough.PassthroughNDManager;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class NativeScalarTest {

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void close() {
        manager.close();
    }

    /** With {@code mul(1.7f)} in its place, the gradients are arbitrary. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT32", "FLOAT64"})
    void gradient_survivesTheGarbageCollector(DataType type) {
        NDArray gradient =
                gradientAcrossCollection(
                        type,
                        squares -> {
                            try (NDArray factor = NativeScalar.of(manager, 1.7, type)) {
                                return squares.mul(factor).sum();
                            }
                        });
        double[] values = gradient.toType(DataType.FLOAT64, true).toDoubleArray();
        double expected = type == DataType.FLOAT32 ? 2 * (double) 1.7f : 2 * 1.7;
        assertArrayEquals(new double[] {expected, expected, expected}, values);
    }

    @Test
    void gradientOfTheLoss_survivesTheGarbageCollector() {
        NDArray labels = manager.zeros(new Shape(3));
        NDArray gradient =
                gradientAcrossCollection(
                        DataType.FLOAT32,
                        squares ->
                                new SafeL2Loss().evaluate(new NDList(labels), new NDList(squares)));
        // d/dx of (x^2)^2 / 6 at 1
        float[] expected = manager.ones(new Shape(3)).mul(2 / 3f).toFloatArray();
        assertArrayEquals(expected, gradient.toFloatArray(), 1e-7f);
    }

    private NDArray gradientAcrossCollection(DataType type, UnaryOperator<NDArray> function) {
        NDArray input = manager.ones(new Shape(3), type);
        input.setRequiresGradient(true);
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            NDArray result = function.apply(input.square());
            overwriteFreedMemory();
            collector.backward(result);
        }
        return input.getGradient();
    }

    /** Buffers are freed by a thread of the JVM, some time after the collection. */
    private static void overwriteFreedMemory() {
        List<ByteBuffer> junk = new ArrayList<>();
        for (int round = 0; round < 3; round++) {
            System.gc();
            LockSupport.parkNanos(50_000_000);
            for (int i = 0; i < 10_000; i++) {
                junk.add(ByteBuffer.allocateDirect(8).putDouble(0, -1));
            }
        }
        assertEquals(-1, junk.get(0).getDouble(0));
    }

    @Test
    void loss_hasTheValuesOfDjl() {
        NDArray labels = manager.randomNormal(new Shape(4, 3));
        NDArray predictions = manager.randomNormal(new Shape(4, 3, 1));
        Loss loss = new SafeL2Loss();
        NDArray mine = loss.evaluate(new NDList(labels), new NDList(predictions));
        NDArray theirs = Loss.l2Loss().evaluate(new NDList(labels), new NDList(predictions));
        assertEquals(theirs.getFloat(), mine.getFloat());
        assertEquals(theirs.getShape(), mine.getShape());
        assertEquals(Loss.l2Loss().getName(), loss.getName());
    }

    @Test
    void scalar_isRoundedToItsType() {
        assertEquals(0.1, NativeScalar.of(manager, 0.1, DataType.FLOAT64).getDouble());
        assertEquals(0.1f, NativeScalar.of(manager, 0.1, DataType.FLOAT32).getFloat());
        assertEquals(new Shape(), NativeScalar.of(manager, 1, DataType.INT64).getShape());
    }

    @Test
    void scalar_ofAnotherEngine_isRefused() {
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> NativeScalar.of(PassthroughNDManager.INSTANCE, 1, DataType.FLOAT32));
        assertEquals(
                "manager must be of the PyTorch engine, got PassthroughNDManager", e.getMessage());
    }
}
