// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class WeightAverageTest {

    private static final EmaConfig HALF = EmaConfig.of(new ConstantDecay(0.5));
    private static final EmaConfig QUARTERS = EmaConfig.of(new ConstantDecay(0.75));

    private Model model;

    @BeforeEach
    void setUp() {
        model = ArrayBlock.model();
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private static EmaConfig config(Treatment buffers) {
        DecaySchedule schedule = new ConstantDecay(0.75);
        return TestModels.config(schedule, buffers, List.of(), List.of(), null);
    }

    private Parameter buffer(String name, Parameter.Type type, float value) {
        NDArray array = model.getNDManager().create(new float[] {value}).duplicate();
        return ArrayBlock.add(model, name, type, array, false);
    }

    @Test
    void average_startsAsACopy() {
        try (Model trained = Weights.initialized();
                WeightAverages averages = WeightAverages.of(trained, HALF)) {
            WeightAverage average = averages.main();
            assertEquals(Weights.online(trained), Weights.averaged(average));
            assertEquals(0, average.step());
            assertEquals(0.5, average.decay());
            assertSame(HALF, average.config());
        }
    }

    /** The recurrence at three steps, with a decay that changes. */
    @Test
    void update_followsTheSchedule() {
        Parameter weight = ArrayBlock.weight(model, "weight", 100);
        EmaConfig config = EmaConfig.of(new ArithmeticMean());
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            float[][] expected = {{8, 8}, {16, 12}, {24, 16}, {48, 24}};
            for (int step = 1; step <= 4; step++) {
                ArrayBlock.set(weight, expected[step - 1][0]);
                averages.update();
                assertEquals(step, average.step());
                assertEquals((step - 1.0) / step, average.decay());
                assertArrayEquals(
                        new float[] {expected[step - 1][1]}, Weights.values(average, "weight"));
            }
        }
    }

    @Test
    void sharedParameter_isAveragedOnce() {
        Block shared = Linear.builder().setUnits(3).build();
        try (Model twice = Model.newInstance("shared", "PyTorch")) {
            twice.setBlock(new SequentialBlock().add(shared).add(shared));
            twice.getBlock().initialize(twice.getNDManager(), DataType.FLOAT32, new Shape(1, 3));
            try (WeightAverages averages = WeightAverages.of(twice, HALF)) {
                WeightAverage average = averages.main();
                assertEquals(
                        List.of("01Linear_weight", "01Linear_bias"),
                        List.copyOf(average.arrays().keySet()));
                ArrayBlock.set(twice.getBlock().getParameters().get("02Linear_bias"), 8, 8, 8);
                averages.update();
                assertArrayEquals(new float[] {4, 4, 4}, Weights.values(average, "01Linear_bias"));
            }
        }
    }

    @Test
    void arrays_cannotBeChanged() {
        ArrayBlock.weight(model, "weight", 1);
        try (WeightAverages averages = WeightAverages.of(model, HALF)) {
            WeightAverage average = averages.main();
            Map<String, NDArray> arrays = average.arrays();
            assertThrows(UnsupportedOperationException.class, arrays::clear);
        }
    }

    @Test
    void frozenParameter_isCopied() {
        Parameter weight = ArrayBlock.weight(model, "weight", 0);
        Parameter frozen = ArrayBlock.weight(model, "frozen", 0);
        frozen.freeze(true);
        try (WeightAverages averages = WeightAverages.of(model, HALF)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, 8);
            ArrayBlock.set(frozen, 8);
            averages.update();
            assertArrayEquals(new float[] {4}, Weights.values(average, "weight"));
            assertArrayEquals(new float[] {8}, Weights.values(average, "frozen"));
            averages.update();
            ArrayBlock.set(frozen, 3);
            averages.update();
            assertArrayEquals(new float[] {3}, Weights.values(average, "frozen"));
        }
    }

    /** DJL's own copy replaces the memory of an array instead of writing into it. */
    @Test
    void frozenParameter_withReplacedMemory() {
        Parameter frozen = ArrayBlock.weight(model, "frozen", 0);
        frozen.freeze(true);
        try (WeightAverages averages = WeightAverages.of(model, HALF)) {
            WeightAverage average = averages.main();
            averages.update();
            frozen.getArray().set(FloatBuffer.wrap(new float[] {5}));
            averages.update();
            assertArrayEquals(new float[] {5}, Weights.values(average, "frozen"));
        }
    }

    @Test
    void freezing_takesEffectInTheMiddle() {
        Parameter weight = ArrayBlock.weight(model, "weight", 0);
        try (WeightAverages averages = WeightAverages.of(model, HALF)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, 8);
            averages.update();
            assertArrayEquals(new float[] {4}, Weights.values(average, "weight"));
            weight.freeze(true);
            averages.update();
            assertArrayEquals(new float[] {8}, Weights.values(average, "weight"));
            weight.freeze(false);
            ArrayBlock.set(weight, 16);
            averages.update();
            assertArrayEquals(new float[] {12}, Weights.values(average, "weight"));
            assertEquals(4, average.distance());
        }
    }

    @Test
    void filters_copyTheRest() {
        List<Parameter> all =
                List.of(
                        ArrayBlock.weight(model, "a_weight", 0),
                        ArrayBlock.weight(model, "a_bias", 0),
                        ArrayBlock.weight(model, "b_weight", 0),
                        buffer("a_runningMean", Parameter.Type.RUNNING_MEAN, 0),
                        buffer("b_runningMean", Parameter.Type.RUNNING_MEAN, 0));
        EmaConfig config =
                TestModels.config(
                        new ConstantDecay(0.5),
                        Treatment.AVERAGE,
                        List.of("^a_"),
                        List.of("bias$"),
                        null);
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            all.forEach(parameter -> ArrayBlock.set(parameter, 8));
            averages.update();
            assertArrayEquals(new float[] {4}, Weights.values(average, "a_weight"));
            assertArrayEquals(new float[] {8}, Weights.values(average, "a_bias"));
            assertArrayEquals(new float[] {8}, Weights.values(average, "b_weight"));
            assertArrayEquals(new float[] {4}, Weights.values(average, "a_runningMean"));
            assertArrayEquals(new float[] {8}, Weights.values(average, "b_runningMean"));
        }
    }

    /** A forward pass changes running statistics without counting a change. */
    @ParameterizedTest
    @EnumSource(
            value = Treatment.class,
            names = {"AVERAGE", "COPY"})
    void runningStatistics_followTheirPolicy(Treatment buffers) {
        try (Model trained = Weights.initialized();
                WeightAverages averages = WeightAverages.of(trained, config(buffers))) {
            WeightAverage average = averages.main();
            for (String name : List.of("02BatchNorm_runningMean", "02BatchNorm_runningVar")) {
                NDArray online = trained.getBlock().getParameters().get(name).getArray();
                for (long seed = 1; seed < 4; seed++) {
                    float[] before = Weights.values(average, name);
                    long version = version(online);
                    Weights.forward(trained, seed);
                    assertEquals(version, version(online));
                    averages.update();
                    float[] expected = online.toFloatArray();
                    if (buffers == Treatment.AVERAGE) {
                        for (int i = 0; i < expected.length; i++) {
                            expected[i] = before[i] + 0.25f * (expected[i] - before[i]);
                        }
                        // A fused multiply-add rounds once less.
                        assertArrayEquals(expected, Weights.values(average, name), 1e-6f);
                    } else {
                        assertArrayEquals(expected, Weights.values(average, name));
                    }
                }
            }
        }
    }

    private static long version(NDArray array) {
        try (TensorList list = TensorList.of(List.of(array))) {
            return ForeachOps.versionSum(list);
        }
    }

    @Test
    void buffersOfBothTypes_areCopiedOrAveraged() {
        Parameter mean = buffer("mean", Parameter.Type.RUNNING_MEAN, 0);
        Parameter variance = buffer("variance", Parameter.Type.RUNNING_VAR, 0);
        for (Treatment buffers : List.of(Treatment.AVERAGE, Treatment.COPY)) {
            ArrayBlock.set(mean, 0);
            ArrayBlock.set(variance, 0);
            try (WeightAverages averages = WeightAverages.of(model, config(buffers))) {
                WeightAverage average = averages.main();
                ArrayBlock.set(mean, 8);
                ArrayBlock.set(variance, 16);
                averages.update();
                float share = buffers == Treatment.COPY ? 1 : 0.25f;
                assertArrayEquals(new float[] {8 * share}, Weights.values(average, "mean"));
                assertArrayEquals(new float[] {16 * share}, Weights.values(average, "variance"));
            }
        }
    }

    @Test
    void integers_areCopied() {
        NDArray start = model.getNDManager().create(new int[] {1, 2}).duplicate();
        Parameter count = ArrayBlock.add(model, "count", Parameter.Type.OTHER, start, false);
        NDArray steps = model.getNDManager().create(new long[] {1}).duplicate();
        Parameter mean = ArrayBlock.add(model, "mean", Parameter.Type.RUNNING_MEAN, steps, false);
        try (WeightAverages averages = WeightAverages.of(model, HALF)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(count, model.getNDManager().create(new int[] {7, Integer.MAX_VALUE}));
            ArrayBlock.set(mean, model.getNDManager().create(new long[] {Long.MAX_VALUE}));
            averages.update();
            assertArrayEquals(
                    new int[] {7, Integer.MAX_VALUE}, Weights.array(average, "count").toIntArray());
            assertArrayEquals(
                    new long[] {Long.MAX_VALUE}, Weights.array(average, "mean").toLongArray());
            assertEquals(0, average.distance());
        }
    }

    /** In float16 a step of 1e-4 of a weight rounds to nothing. */
    @Test
    void halfPrecision_isAveragedInFloat32() {
        Parameter weight = half("weight", 1);
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.9999));
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            NDArray array = Weights.array(average, "weight");
            assertEquals(DataType.FLOAT32, array.getDataType());
            ArrayBlock.set(weight, 1.5f);
            double expected = 1;
            for (int update = 0; update < 100; update++) {
                averages.update();
                expected += (1 - 0.9999) * (1.5 - expected);
            }
            // 100 roundings of 2^-24; the average has moved by 0.005.
            assertEquals(expected, array.getFloat(), 100 * 0x1p-24);
            assertEquals(1.5 - expected, average.distance(), 100 * 0x1p-24);
        }
    }

    private Parameter half(String name, float value) {
        NDArray array = model.getNDManager().create(new float[] {value});
        NDArray halves = array.toType(DataType.FLOAT16, true);
        return ArrayBlock.add(model, name, Parameter.Type.WEIGHT, halves, true);
    }

    @Test
    void doublePrecision_isAveragedInFloat64() {
        NDArray start = model.getNDManager().create(new double[] {1, 1e-300}).duplicate();
        Parameter weight = ArrayBlock.add(model, "weight", Parameter.Type.WEIGHT, start, true);
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.999999));
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, model.getNDManager().create(new double[] {1.5, 0}));
            averages.update();
            double share = 1 - 0.999999;
            assertArrayEquals(
                    new double[] {1 + share * 0.5, 1e-300 - share * 1e-300},
                    Weights.array(average, "weight").toDoubleArray(),
                    Math.ulp(1.0));
            assertEquals(0.5 - share * 0.5, average.distance(), 1e-15);
        }
    }

    /** The types of a model are averaged in one call each. */
    @Test
    void types_mayBeMixed() {
        Parameter single = ArrayBlock.weight(model, "single", 0);
        Parameter half = half("half", 0);
        NDArray start = model.getNDManager().create(new double[1]).duplicate();
        Parameter wide = ArrayBlock.add(model, "wide", Parameter.Type.WEIGHT, start, true);
        try (WeightAverages averages = WeightAverages.of(model, QUARTERS)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(single, 8);
            ArrayBlock.set(half, 16);
            ArrayBlock.set(wide, model.getNDManager().create(new double[] {32}));
            averages.update();
            assertEquals(2, Weights.array(average, "single").getFloat());
            assertEquals(4, Weights.array(average, "half").getFloat());
            assertEquals(8, Weights.array(average, "wide").getDouble());
            assertEquals(Math.sqrt(36 + 144 + 576), average.distance(), 1e-12);
        }
    }

    @Test
    void device_mayBeGiven() {
        Parameter weight = ArrayBlock.weight(model, "weight", 0);
        EmaConfig config =
                TestModels.config(
                        new ConstantDecay(0.5), Treatment.COPY, List.of(), List.of(), Device.cpu());
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, 8);
            averages.update();
            assertEquals(Device.cpu(), Weights.array(average, "weight").getDevice());
            assertEquals(4, Weights.array(average, "weight").getFloat());
        }
    }

    @Test
    void load_replacesTheOnlineArrays(@TempDir Path directory) throws Exception {
        try (Model trained = Weights.initialized();
                WeightAverages averages = WeightAverages.of(trained, HALF)) {
            WeightAverage average = averages.main();
            trained.save(directory, "checkpoint");
            Weights.move(trained, 2);
            averages.update();
            float[] before = Weights.values(average, "05Linear_bias");
            trained.load(directory, "checkpoint");
            float[] loaded =
                    trained.getBlock()
                            .getParameters()
                            .get("05Linear_bias")
                            .getArray()
                            .toFloatArray();
            averages.update();
            float[] after = Weights.values(average, "05Linear_bias");
            for (int i = 0; i < before.length; i++) {
                assertEquals((before[i] + loaded[i]) / 2, after[i], 1e-6);
            }
            assertNotEquals(Weights.online(trained), Weights.averaged(average));
        }
    }

    /** Gradients are recorded on threads other than the one that loaded the engine. */
    @Test
    void update_onAnotherThread() throws Exception {
        Parameter weight = ArrayBlock.weight(model, "weight", 0);
        try (WeightAverages averages = WeightAverages.of(model, HALF)) {
            WeightAverage average = averages.main();
            ArrayBlock.set(weight, 8);
            onAnotherThread(
                    () -> {
                        averages.update();
                        try (SwapScope scope = average.swapIn()) {
                            assertEquals(4, weight.getArray().getFloat());
                        }
                        assertEquals(4, average.distance());
                    });
            assertEquals(4, Weights.array(average, "weight").getFloat());
            assertEquals(8, weight.getArray().getFloat());
        }
    }

    private static void onAnotherThread(Runnable runnable)
            throws InterruptedException, ExecutionException {
        FutureTask<Boolean> task = new FutureTask<>(runnable, true);
        Thread thread = new Thread(task);
        thread.start();
        task.get();
        thread.join();
    }
}
