// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TutorialNetTest {

    private static final int NETWORKS = 50;

    /** Two-sided false alarm probability of a normal variable: 5.7e-7. */
    private static final double SIGMAS = 5;

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    /** The tutorial prints these layers. */
    @Test
    void parameters_published() {
        List<Parameter> parameters = parameters(0);
        assertEquals(
                List.of(
                        new Shape(6, 3, 5, 5),
                        new Shape(6),
                        new Shape(16, 6, 5, 5),
                        new Shape(16),
                        new Shape(120, 400),
                        new Shape(120),
                        new Shape(84, 120),
                        new Shape(84),
                        new Shape(10, 84),
                        new Shape(10)),
                parameters.stream().map(parameter -> parameter.getArray().getShape()).toList());
        assertEquals(
                62_006,
                parameters.stream().mapToLong(parameter -> parameter.getArray().size()).sum());
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void forward_shape(int images) {
        Block block = TutorialNet.create();
        assertArrayEquals(
                new Shape[] {new Shape(images, 10)},
                block.getOutputShapes(new Shape[] {new Shape(images, 3, 32, 32)}));
        NDArray input = manager.zeros(new Shape(images, 3, 32, 32));
        assertEquals(new Shape(images, 10), forward(initialized(0), input).getShape());
    }

    /*
     * Convolution, rectifier and the largest of four pixels, twice; then three products with a
     * rectifier between them. A sum of 400 products in float32 is off by about 1e-6.
     */
    @Test
    void forward_plainLoops() {
        Block block = initialized(1);
        NDArray input = manager.randomUniform(-1, 1, new Shape(1, 3, 32, 32));
        float[][] p = new float[10][];
        List<Parameter> parameters = block.getParameters().values();
        for (int i = 0; i < 10; i++) {
            p[i] = parameters.get(i).getArray().toFloatArray();
        }
        double[] x = new double[3072];
        float[] pixels = input.toFloatArray();
        Arrays.setAll(x, i -> pixels[i]);
        x = pooled(convolved(x, 3, 32, p[0], p[1]), 6, 28);
        x = pooled(convolved(x, 6, 14, p[2], p[3]), 16, 10);
        x = rectified(product(x, p[4], p[5]));
        x = rectified(product(x, p[6], p[7]));
        x = product(x, p[8], p[9]);
        float[] logits = forward(block, input).toFloatArray();
        for (int i = 0; i < 10; i++) {
            assertEquals(x[i], logits[i], 1e-5);
        }
    }

    /*
     * With bound b, the mean of n values has standard deviation b / sqrt(3 n), and the mean of
     * their squares b^2 sqrt(4 / 45 / n) around b^2 / 3. The largest of 300 values is below 0.9 b
     * with probability 2e-14.
     */
    @ParameterizedTest(name = "parameter {0}, seeds 0 to 49")
    @CsvSource({"0, 75", "1, 75", "2, 150", "3, 150"})
    void convolutions_uniform(int parameter, int fanIn) {
        double bound = 1 / Math.sqrt(fanIn);
        double[] values = sample(parameter);
        double largest = Arrays.stream(values).map(Math::abs).max().orElseThrow();
        assertTrue(largest <= (float) bound, "largest " + largest);
        assertTrue(largest > 0.9 * bound, "largest " + largest);
        int n = values.length;
        assertEquals(0, mean(values), SIGMAS * bound / Math.sqrt(3.0 * n));
        assertEquals(
                bound * bound / 3,
                meanOfSquares(values),
                SIGMAS * bound * bound * Math.sqrt(4 / 45.0 / n));
    }

    /*
     * With standard deviation s, the mean of n values has standard deviation s / sqrt(n), and the
     * root of the mean of their squares s / sqrt(2 n).
     */
    @ParameterizedTest(name = "parameter {0}, seeds 0 to 49")
    @CsvSource({"4, 400, 120", "6, 120, 84", "8, 84, 10"})
    void linearWeights_xavierNormal(int parameter, int fanIn, int fanOut) {
        double deviation = Math.sqrt(2.0 / (fanIn + fanOut));
        double[] values = sample(parameter);
        int n = values.length;
        assertEquals(0, mean(values), SIGMAS * deviation / Math.sqrt(n));
        assertEquals(
                deviation,
                Math.sqrt(meanOfSquares(values)),
                SIGMAS * deviation / Math.sqrt(2.0 * n));
        // A uniform variable of this deviation ends at 1.73; 42,000 normal ones all do with 0.
        double largest = Arrays.stream(values).map(Math::abs).max().orElseThrow();
        assertTrue(largest > 2 * deviation, "largest " + largest);
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 7, 9})
    void linearBiases_zero(int parameter) {
        NDArray bias = parameters(0).get(parameter).getArray();
        assertArrayEquals(new float[(int) bias.size()], bias.toFloatArray());
    }

    private List<Parameter> parameters(int seed) {
        return initialized(seed).getParameters().values();
    }

    private Block initialized(int seed) {
        Engine.getInstance().setRandomSeed(seed);
        Block block = TutorialNet.create();
        block.initialize(manager, DataType.FLOAT32, new Shape(1, 3, 32, 32));
        return block;
    }

    private NDArray forward(Block block, NDArray input) {
        ParameterStore store = new ParameterStore(manager, false);
        return block.forward(store, new NDList(input), false).singletonOrThrow();
    }

    /** Returns the initial values of one parameter in many networks. */
    private double[] sample(int parameter) {
        float[][] all = new float[NETWORKS][];
        for (int seed = 0; seed < NETWORKS; seed++) {
            all[seed] = parameters(seed).get(parameter).getArray().toFloatArray();
        }
        double[] values = new double[NETWORKS * all[0].length];
        Arrays.setAll(values, i -> all[i % NETWORKS][i / NETWORKS]);
        return values;
    }

    private static double mean(double[] values) {
        return Arrays.stream(values).average().orElseThrow();
    }

    private static double meanOfSquares(double[] values) {
        return Arrays.stream(values).map(value -> value * value).average().orElseThrow();
    }

    /** Returns the convolution of (channels, size, size) with a 5 x 5 kernel. */
    private static double[] convolved(
            double[] x, int channels, int size, float[] weight, float[] bias) {
        int width = size - 4;
        double[] y = new double[bias.length * width * width];
        for (int i = 0; i < y.length; i++) {
            int filter = i / (width * width);
            int row = i / width % width;
            int column = i % width;
            y[i] = bias[filter];
            for (int k = 0; k < channels * 25; k++) {
                int from = (k / 25 * size + row + k / 5 % 5) * size + column + k % 5;
                y[i] += weight[filter * channels * 25 + k] * x[from];
            }
        }
        return y;
    }

    /** Returns the largest of each 2 x 2 pixels of (channels, size, size), and at least 0. */
    private static double[] pooled(double[] x, int channels, int size) {
        int half = size / 2;
        double[] y = new double[channels * half * half];
        for (int i = 0; i < y.length; i++) {
            int from = (i / half * 2) * size + i % half * 2;
            double above = Math.max(x[from], x[from + 1]);
            double below = Math.max(x[from + size], x[from + size + 1]);
            y[i] = Math.max(0, Math.max(above, below));
        }
        return y;
    }

    private static double[] product(double[] x, float[] weight, float[] bias) {
        double[] y = new double[bias.length];
        for (int i = 0; i < y.length; i++) {
            y[i] = bias[i];
            for (int j = 0; j < x.length; j++) {
                y[i] += weight[i * x.length + j] * x[j];
            }
        }
        return y;
    }

    private static double[] rectified(double[] x) {
        return Arrays.stream(x).map(value -> Math.max(0, value)).toArray();
    }
}
