// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/** Models with BatchNorm, their data, and the moments of values in float64. */
public final class StatisticsData {

    /** A rounding of the batch means and variances is 6e-8, of the layer before a few of these. */
    public static final double TOLERANCE = 1e-6;

    private StatisticsData() {}

    public static Model model(Block block, Shape... inputs) {
        Model model = Model.newInstance("statistics", "PyTorch");
        model.setBlock(block);
        block.initialize(model.getNDManager(), DataType.FLOAT32, inputs);
        Weights.move(model, 1);
        return model;
    }

    public static Model dense(Block... others) {
        SequentialBlock block = new SequentialBlock().add(Linear.builder().setUnits(4).build());
        Arrays.stream(others).forEach(block::add);
        return model(block, new Shape(2, 6));
    }

    public static NDArray random(NDManager manager, long seed, long... sizes) {
        Random random = new Random(seed);
        Shape shape = new Shape(sizes);
        float[] values = new float[Math.toIntExact(shape.size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (2 + random.nextGaussian() * 3);
        }
        return manager.create(values, shape);
    }

    /** Cuts data into batches of given sizes. */
    public static List<NDList> batches(NDArray data, long... sizes) {
        List<NDList> batches = new ArrayList<>();
        long from = 0;
        for (long size : sizes) {
            batches.add(new NDList(data.get(from + ":" + (from + size))));
            from += size;
        }
        assertEquals(data.size(0), from);
        return batches;
    }

    public static long[] longs(String sizes) {
        return Arrays.stream(sizes.split(" ")).mapToLong(Long::parseLong).toArray();
    }

    public static double[] values(Map<String, NDArray> arrays, String name) {
        NDArray array = Objects.requireNonNull(arrays.get(name), name);
        return array.toType(DataType.FLOAT64, true).toDoubleArray();
    }

    /** Mean and unbiased variance over all axes but the second, in two passes in float64. */
    public static double[][] moments(NDArray values) {
        int channels = Math.toIntExact(values.size(1));
        double[] flat =
                values.toType(DataType.FLOAT64, true).swapAxes(0, 1).duplicate().toDoubleArray();
        int count = flat.length / channels;
        double[][] moments = new double[2][channels];
        for (int c = 0; c < channels; c++) {
            double[] own = Arrays.copyOfRange(flat, c * count, (c + 1) * count);
            double mean = Arrays.stream(own).sum() / count;
            moments[0][c] = mean;
            moments[1][c] =
                    Arrays.stream(own).map(v -> (v - mean) * (v - mean)).sum() / (count - 1);
        }
        return moments;
    }

    public static void assertClose(double[] expected, double[] actual) {
        assertEquals(expected.length, actual.length);
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], actual[i], TOLERANCE * Math.abs(expected[i]), "at " + i);
        }
    }

    public static NDArray forward(Block block, NDArray input) {
        ParameterStore store = new ParameterStore(input.getManager(), false);
        return block.forward(store, new NDList(input), false).singletonOrThrow();
    }

    public static Block child(Model model, int index) {
        return model.getBlock().getChildren().get(index).getValue();
    }

    public static double[] doubles(float[] values) {
        double[] doubles = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            doubles[i] = values[i];
        }
        return doubles;
    }

    public static double[] online(Model model, String name) {
        NDArray array = model.getBlock().getParameters().get(name).getArray();
        return array.toType(DataType.FLOAT64, true).toDoubleArray();
    }
}
