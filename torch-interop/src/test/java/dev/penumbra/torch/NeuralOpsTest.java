// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.convolutional.Conv2d;
import ai.djl.training.GradientCollector;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NeuralOpsTest {

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void close() {
        manager.close();
    }

    /** A function of several arrays. */
    private interface Operation extends Function<NDList, NDArray> {}

    private NDArray normal(Random random, DataType type, long... shape) {
        Shape dimensions = new Shape(shape);
        double[] values = new double[(int) dimensions.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = random.nextGaussian();
        }
        return manager.create(values, dimensions).toType(type, false).duplicate();
    }

    /** Output and gradients of a weighted sum of the output. */
    private NDList differentiate(Operation operation, NDList inputs) {
        NDList results = new NDList();
        NDList leaves = new NDList();
        for (NDArray input : inputs) {
            // Gradients add up in an array that is differentiated twice.
            leaves.add(input.duplicate());
            leaves.get(leaves.size() - 1).setRequiresGradient(true);
        }
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            NDArray output = operation.apply(leaves);
            collector.backward(weighted(output));
            results.add(output);
        }
        leaves.forEach(leaf -> results.add(leaf.getGradient()));
        return results;
    }

    private NDArray weighted(NDArray output) {
        NDArray weights =
                normal(new Random(99), output.getDataType(), output.getShape().getShape());
        return output.mul(weights).sum();
    }

    private static double distance(NDArray a, NDArray b) {
        return a.sub(b).abs().max().toType(DataType.FLOAT64, false).getDouble()
                / Math.max(1e-3, b.abs().max().toType(DataType.FLOAT64, false).getDouble());
    }

    private void assertSame(Operation ours, Operation oracle, NDList inputs, double tolerance) {
        NDList expected = differentiate(oracle, inputs);
        // The second and third calls run what the interpreter has optimized.
        for (int call = 0; call < 3; call++) {
            NDList actual = differentiate(ours, inputs);
            for (int i = 0; i < expected.size(); i++) {
                assertEquals(expected.get(i).getShape(), actual.get(i).getShape());
                double distance = distance(actual.get(i), expected.get(i));
                assertTrue(distance <= tolerance, i + ": " + distance);
            }
        }
    }

    /** Central differences of every element; the output is smooth. */
    private void assertGradient(Operation operation, NDList inputs) {
        NDList gradients = differentiate(operation, inputs);
        double step = 1e-5;
        for (int i = 0; i < inputs.size(); i++) {
            NDArray input = inputs.get(i).flatten();
            double[] values = input.toDoubleArray();
            double[] analytic = gradients.get(i + 1).toDoubleArray();
            for (int j = 0; j < values.length; j++) {
                double up = at(operation, inputs, i, j, values, step);
                double down = at(operation, inputs, i, j, values, -step);
                double numeric = (up - down) / (2 * step);
                assertEquals(numeric, analytic[j], 1e-8 * Math.max(1, Math.abs(numeric)));
            }
        }
    }

    private double at(
            Operation operation, NDList inputs, int index, int place, double[] values, double by) {
        double[] moved = values.clone();
        moved[place] += by;
        NDList changed = new NDList(inputs);
        changed.set(index, manager.create(moved, inputs.get(index).getShape()));
        return weighted(operation.apply(changed)).getDouble();
    }

    private NDList normInputs(DataType type, long... shape) {
        Random random = new Random(7);
        return new NDList(
                normal(random, type, shape).mul(2).add(0.5),
                normal(random, type, shape[1]),
                normal(random, type, shape[1]));
    }

    private static Operation groupNorm(long groups, double epsilon) {
        return in -> NeuralOps.groupNorm(in.get(0), groups, in.get(1), in.get(2), epsilon);
    }

    private static Operation portableNorm(long groups, double epsilon) {
        return in -> PortableOps.groupNorm(in.get(0), groups, in.get(1), in.get(2), epsilon);
    }

    private NDList attentionInputs(DataType type, long queries, long keys) {
        Random random = new Random(11);
        return new NDList(
                normal(random, type, 2, 2, queries, 4),
                normal(random, type, 2, 2, keys, 4),
                normal(random, type, 2, 2, keys, 4));
    }

    private static Operation attention(long queries) {
        return in -> NeuralOps.attention(in.get(0), in.get(1), in.get(2), queries);
    }

    private static NDArray portableAttention(NDList in) {
        return PortableOps.attention(in.get(0), in.get(1), in.get(2));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 6})
    void groupNorm_equalsTheOracle(long groups) {
        for (double epsilon : new double[] {1e-6, 0.1}) {
            NDList inputs = normInputs(DataType.FLOAT64, 3, 6, 4, 5);
            Operation oracle = portableNorm(groups, epsilon);
            assertSame(groupNorm(groups, epsilon), oracle, inputs, 1e-12);
        }
    }

    @Test
    void groupNorm_ofSinglePrecisionAndOfOtherDimensions() {
        NDList single = normInputs(DataType.FLOAT32, 2, 4, 7);
        assertSame(groupNorm(2, 1e-6), portableNorm(2, 1e-6), single, 1e-5);
        NDList vectors = normInputs(DataType.FLOAT64, 2, 8);
        assertSame(groupNorm(2, 1e-6), portableNorm(2, 1e-6), vectors, 1e-12);
    }

    @Test
    void groupNormSilu_isBoth() {
        NDList inputs = normInputs(DataType.FLOAT64, 2, 4, 3, 3);
        Operation ours = in -> NeuralOps.groupNormSilu(in.get(0), 2, in.get(1), in.get(2), 1e-6);
        Operation oracle =
                in ->
                        PortableOps.silu(
                                PortableOps.groupNorm(in.get(0), 2, in.get(1), in.get(2), 1e-6));
        assertSame(ours, oracle, inputs, 1e-12);
        assertGradient(ours, inputs);
    }

    @Test
    void silu_equalsTheOracle() {
        NDList inputs = new NDList(normal(new Random(3), DataType.FLOAT64, 5, 7).mul(3));
        Operation ours = in -> NeuralOps.silu(in.get(0));
        assertSame(ours, in -> PortableOps.silu(in.get(0)), inputs, 1e-13);
        assertGradient(ours, inputs);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 3, 4, 9, 100})
    void attention_inParts_equalsTheOracle(long queries) {
        NDList inputs = attentionInputs(DataType.FLOAT64, 9, 5);
        assertSame(attention(queries), NeuralOpsTest::portableAttention, inputs, 1e-12);
    }

    @Test
    void attention_ofSinglePrecision() {
        NDList inputs = attentionInputs(DataType.FLOAT32, 16, 16);
        Operation ours = in -> NeuralOps.attention(in.get(0), in.get(1), in.get(2));
        assertSame(ours, NeuralOpsTest::portableAttention, inputs, 2e-6);
    }

    private NDList imageInputs(DataType type, long... shape) {
        Random random = new Random(13);
        return new NDList(
                normal(random, type, shape),
                normal(random, type, 5, shape[1], 3, 3),
                normal(random, type, 5));
    }

    private static NDArray upsampleConv(NDList in) {
        return NeuralOps.upsampleConv(in.get(0), in.get(1), in.get(2));
    }

    private static NDArray upsampleThenConv(NDList in) {
        NDArray rows = in.get(0).repeat(2, 2);
        Shape one = new Shape(1, 1);
        return Conv2d.conv2d(rows.repeat(3, 2), in.get(1), in.get(2), one, one, one)
                .singletonOrThrow();
    }

    @Test
    void upsampleConv_equalsItsTwoSteps() {
        for (long[] shape : new long[][] {{2, 3, 4, 5}, {1, 1, 1, 1}, {1, 2, 7, 1}}) {
            NDList doubles = imageInputs(DataType.FLOAT64, shape);
            assertSame(
                    NeuralOpsTest::upsampleConv, NeuralOpsTest::upsampleThenConv, doubles, 1e-13);
        }
        assertEqualsInDouble(imageInputs(DataType.FLOAT32, 3, 16, 9, 8));
        assertGradient(NeuralOpsTest::upsampleConv, imageInputs(DataType.FLOAT64, 2, 2, 3, 2));
    }

    /**
     * The oracle computes in float64: on some processors PyTorch 2.7.1's own float32 convolution of
     * an odd number of channels has gradients of its input that are not numbers.
     */
    private void assertEqualsInDouble(NDList singles) {
        NDList doubles = new NDList();
        singles.forEach(input -> doubles.add(input.toType(DataType.FLOAT64, true)));
        NDList expected = differentiate(NeuralOpsTest::upsampleThenConv, doubles);
        NDList actual = differentiate(NeuralOpsTest::upsampleConv, singles);
        for (int i = 0; i < expected.size(); i++) {
            double distance =
                    distance(actual.get(i).toType(DataType.FLOAT64, true), expected.get(i));
            assertTrue(distance <= 2e-6, i + ": " + distance);
        }
    }

    /** Sums of weights in half precision would be off by up to 5e-4 of a weight. */
    @Test
    void upsampleConv_ofHalfPrecision_addsNoRounding() {
        NDList halves = imageInputs(DataType.FLOAT16, 2, 3, 4, 5);
        assertEquals(0, distance(upsampleConv(halves), upsampleThenConv(halves)));
    }

    @Test
    void upsampleConv_rejectsOtherShapes() {
        NDArray x = manager.ones(new Shape(2, 4, 3, 3));
        NDArray weight = manager.ones(new Shape(6, 4, 3, 3));
        NDArray bias = manager.ones(new Shape(6));
        assertRejected(
                "x must have shape (N, C, H, W), got (6)",
                () -> NeuralOps.upsampleConv(bias, weight, bias));
        assertRejected(
                "weight must have shape (6, 4, 3, 3), got (6)",
                () -> NeuralOps.upsampleConv(x, bias, bias));
        assertRejected(
                "bias must have shape (6), got (2, 4, 3, 3)",
                () -> NeuralOps.upsampleConv(x, weight, x));
    }

    @Test
    void gradients_areThoseOfDifferences() {
        assertGradient(groupNorm(2, 1e-6), normInputs(DataType.FLOAT64, 2, 4, 3));
        assertGradient(attention(3), attentionInputs(DataType.FLOAT64, 4, 3));
    }

    /** A score matrix of 9,216 × 9,216 tokens would take 324 MiB, its gradient as much again. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void attention_ofManyTokens_keepsNoScores() throws IOException {
        long tokens = 96 * 96;
        Random random = new Random(5);
        NDList inputs = new NDList();
        for (int i = 0; i < 3; i++) {
            inputs.add(normal(random, DataType.FLOAT32, 1, 1, tokens, 8));
        }
        Operation ours = in -> NeuralOps.attention(in.get(0), in.get(1), in.get(2));
        NDList small = attentionInputs(DataType.FLOAT32, 16, 16);
        differentiate(ours, small);
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        long before = peakKib();
        differentiate(ours, inputs);
        long growth = peakKib() - before;
        assertTrue(growth < 32 * 1024, growth + " KiB");
    }

    private static long peakKib() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(line -> line.startsWith("VmHWM"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .sum();
    }

    @Test
    void result_isAnOrdinaryArray() {
        NDArray x = normal(new Random(1), DataType.FLOAT32, 2, 2);
        NDArray y = NeuralOps.silu(x);
        NDArray kept = y.duplicate();
        y.addi(1);
        assertEquals(0, distance(y, kept.add(1)));
        assertEquals(x.getManager(), y.getManager());
    }

    private static void assertRejected(String message, Executable executable) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, executable).getMessage());
    }

    @Test
    void arguments_areRejected() {
        NDArray x = manager.ones(new Shape(2, 4, 3));
        NDArray four = manager.ones(new Shape(4));
        NDArray three = manager.ones(new Shape(3));
        assertRejected(
                "channels must be divisible by groups, got channels=4 and groups=3",
                () -> NeuralOps.groupNorm(x, 3, four, four, 1e-6));
        assertRejected(
                "channels must be divisible by groups, got channels=4 and groups=0",
                () -> NeuralOps.groupNorm(x, 0, four, four, 1e-6));
        assertRejected(
                "weight must have shape (4), got (3)",
                () -> NeuralOps.groupNorm(x, 2, three, four, 1e-6));
        assertRejected(
                "bias must have shape (4), got (3)",
                () -> NeuralOps.groupNormSilu(x, 2, four, three, 1e-6));
        assertRejected(
                "epsilon must be finite and at least 0, got -1.0",
                () -> NeuralOps.groupNorm(x, 2, four, four, -1));
        assertRejected(
                "x must have shape (N, C, ...), got (4)",
                () -> NeuralOps.groupNorm(four, 2, four, four, 1e-6));
        NDArray q = manager.ones(new Shape(1, 2, 3, 4));
        NDArray k = manager.ones(new Shape(1, 2, 5, 3));
        assertRejected(
                "query must have shape (N, A, L, D), got (2, 4, 3)",
                () -> NeuralOps.attention(x, q, q));
        assertRejected(
                "key must have shape (N, A, L, D), got (2, 4, 3)",
                () -> NeuralOps.attention(q, x, q));
        assertRejected(
                "key must have shape (1, 2, 5, 4), got (1, 2, 5, 3)",
                () -> NeuralOps.attention(q, k, q));
        assertRejected(
                "value must have shape (1, 2, 3, 4), got (1, 2, 5, 3)",
                () -> NeuralOps.attention(q, q, k));
    }
}
