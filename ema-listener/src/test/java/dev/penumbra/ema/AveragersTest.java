// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.ConstantDecay;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The native arithmetic against the portable one, which is its oracle. */
final class AveragersTest {

    private static final double[] WEIGHTS = {0.0001, 0.001, 0.1, 0.49, 0.5, 0.51, 0.9, 0.9999, 1};
    private static final int[] SIZES = {1, 3, 16, 37, 200};

    static Stream<Arguments> seedsAndWeights() {
        return LongStream.of(1, 42, 20260824)
                .boxed()
                .flatMap(
                        seed ->
                                Arrays.stream(WEIGHTS)
                                        .mapToObj(weight -> Arguments.of(seed, weight)));
    }

    private static float[] normal(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            // Magnitudes from 1e-6 to 1e6.
            double scale = Math.pow(10, 12 * random.nextDouble() - 6);
            values[i] = (float) (scale * random.nextGaussian());
        }
        return values;
    }

    private static List<Parameter> parameters(Model model, Random random) {
        List<Parameter> parameters = new ArrayList<>();
        for (int size : SIZES) {
            parameters.add(ArrayBlock.weight(model, "w" + size, normal(random, size)));
        }
        return parameters;
    }

    private static float[] values(WeightAverage average, String name) {
        return Objects.requireNonNull(average.arrays().get(name), name).toFloatArray();
    }

    @ParameterizedTest
    @MethodSource("seedsAndWeights")
    void update_equalsThePortableOne(long seed, double weight) {
        Random random = new Random(seed);
        EmaConfig config = EmaConfig.of(new ConstantDecay(1 - weight));
        try (Model model = ArrayBlock.model()) {
            List<Parameter> parameters = parameters(model, random);
            for (int update = 0; update < 5; update++) {
                try (WeightAverage fast = WeightAverage.of(model, config, false);
                        WeightAverage portable = WeightAverage.of(model, config, true)) {
                    for (Parameter parameter : parameters) {
                        int size = Math.toIntExact(parameter.getArray().size());
                        ArrayBlock.set(parameter, normal(random, size));
                    }
                    List<float[]> before = floats(fast);
                    fast.update();
                    portable.update();
                    List<float[]> expected = floats(portable);
                    List<float[]> actual = floats(fast);
                    for (int p = 0; p < SIZES.length; p++) {
                        float[] to = parameters.get(p).getArray().toFloatArray();
                        assertClose(before.get(p), to, expected.get(p), actual.get(p), weight);
                    }
                }
            }
        }
    }

    private static List<float[]> floats(WeightAverage average) {
        return average.arrays().values().stream().map(NDArray::toFloatArray).toList();
    }

    /** Both round a few times; where the result cancels, its own last place means nothing. */
    private static void assertClose(
            float[] from, float[] to, float[] expected, float[] actual, double weight) {
        for (int i = 0; i < from.length; i++) {
            double bound = 2 * Math.ulp(Math.max(Math.abs(from[i]), Math.abs(to[i])));
            assertEquals(expected[i], actual[i], bound);
            double exact = from[i] + weight * ((double) to[i] - from[i]);
            assertEquals(exact, actual[i], bound);
            assertEquals(exact, expected[i], bound);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void constantWeight_isAFixedPoint(boolean portable) {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.9997));
        try (Model model = ArrayBlock.model()) {
            float[] values = normal(new Random(7), 37);
            ArrayBlock.weight(model, "weight", values);
            try (WeightAverage average = WeightAverage.of(model, config, portable)) {
                for (int update = 0; update < 20_000; update++) {
                    average.update();
                }
                assertArrayEquals(values, values(average, "weight"));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void decayZero_isAnExactCopy(boolean portable) {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0));
        Random random = new Random(8);
        try (Model model = ArrayBlock.model()) {
            Parameter parameter = ArrayBlock.weight(model, "weight", normal(random, 37));
            try (WeightAverage average = WeightAverage.of(model, config, portable)) {
                for (int update = 0; update < 100; update++) {
                    float[] values = normal(random, 37);
                    ArrayBlock.set(parameter, values);
                    average.update();
                    assertArrayEquals(values, values(average, "weight"));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void distance_isThatOfTrainedWeights(boolean portable) {
        EmaConfig config =
                new EmaConfig(
                        new ConstantDecay(0.75),
                        EmaConfig.Buffers.AVERAGE,
                        List.of(),
                        List.of("left"),
                        null);
        try (Model model = ArrayBlock.model()) {
            Parameter a = ArrayBlock.weight(model, "a", 0, 0);
            Parameter b = ArrayBlock.weight(model, "b", 0);
            Parameter left = ArrayBlock.weight(model, "left", 0);
            NDArray zero = model.getNDManager().create(new float[1]).duplicate();
            Parameter mean =
                    ArrayBlock.add(model, "mean", Parameter.Type.RUNNING_MEAN, zero, false);
            try (WeightAverage average = WeightAverage.of(model, config, portable)) {
                assertEquals(0, average.distance());
                ArrayBlock.set(a, 4, 8);
                ArrayBlock.set(b, 8);
                ArrayBlock.set(left, 1000);
                ArrayBlock.set(mean, 1000);
                average.update();
                assertEquals(9, average.distance());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void swap_isTheSame(boolean portable) {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.75));
        try (Model model = ArrayBlock.model()) {
            Parameter parameter = ArrayBlock.weight(model, "weight", 0);
            try (WeightAverage average = WeightAverage.of(model, config, portable)) {
                for (int swap = 1; swap < 4; swap++) {
                    float online = 8 * swap;
                    ArrayBlock.set(parameter, online);
                    average.update();
                    float averaged = values(average, "weight")[0];
                    assertTrue(averaged != online, "moved");
                    try (SwapScope scope = average.swapIn()) {
                        assertEquals(averaged, parameter.getArray().getFloat());
                    }
                    assertEquals(online, parameter.getArray().getFloat());
                    assertEquals(averaged, values(average, "weight")[0]);
                    assertTrue(parameter.getArray().hasGradient(), "trained");
                }
            }
        }
    }
}
