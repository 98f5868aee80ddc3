// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.weights.SwapScope;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What diffusers' {@code test_ema.py}, timm's {@code test_task.py} and pytorch_ema's tests test.
 */
final class PortedFromDiffusersTest {

    @TempDir private Path directory;
    private Model model;

    @BeforeEach
    void setUp() {
        model = Weights.initialized();
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    /** The settings of diffusers, in its arithmetic or in ours. */
    private static EmaConfig diffusers(double decay, Arithmetic arithmetic) {
        return EmaConfig.of(LibrarySchedules.diffusers(decay, 0, 0, false, 1, 2.0 / 3)).toBuilder()
                .optArithmetic(arithmetic)
                .build();
    }

    /** diffusers test_optimization_steps_updated: 1 after a step, 3 after two more. */
    @Test
    void optimizationSteps_areCounted() {
        try (WeightAverages averages =
                WeightAverages.of(model, diffusers(0.9999, Arithmetic.SUBTRACTION))) {
            WeightAverage average = averages.main();
            averages.update();
            assertEquals(1, average.step());
            averages.update();
            averages.update();
            assertEquals(3, average.step());
        }
    }

    /** diffusers test_shadow_params_not_updated, bit for bit. */
    @ParameterizedTest
    @EnumSource
    void unchangedModel_leavesTheAverage(Arithmetic arithmetic) {
        try (WeightAverages averages = WeightAverages.of(model, diffusers(0.9999, arithmetic))) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> online = Weights.online(model);
            for (int i = 0; i < 5; i++) {
                averages.update();
                assertEquals(online, Weights.averaged(average));
            }
        }
    }

    /**
     * diffusers test_shadow_params_updated: the average moves with a changed model, but not all the
     * way. Theirs is always true; after the first step, which copies, it would be wrong.
     */
    @ParameterizedTest
    @EnumSource
    void changedModel_movesTheAverage(Arithmetic arithmetic) {
        try (WeightAverages averages = WeightAverages.of(model, diffusers(0.9999, arithmetic))) {
            WeightAverage average = averages.main();
            averages.update();
            Map<String, ByteBuffer> start = Weights.averaged(average);
            Weights.move(model, 2);
            Map<String, float[]> before = values(average);
            averages.update();
            assertEquals(2.0 / 11, average.decay(), 1e-15);
            assertStrictlyBetween(before, average);
            assertNotEquals(start, Weights.averaged(average));
        }
    }

    /** diffusers test_consecutive_shadow_params_updated: twice, and not to the same values. */
    @Test
    void consecutiveChanges_moveTheAverageTwice() {
        try (WeightAverages averages =
                WeightAverages.of(model, diffusers(0.9999, Arithmetic.SUBTRACTION))) {
            WeightAverage average = averages.main();
            averages.update();
            for (long seed = 2; seed < 4; seed++) {
                Weights.move(model, seed);
                Map<String, float[]> before = values(average);
                averages.update();
                assertStrictlyBetween(before, average);
            }
            assertEquals(0.25, average.decay(), 1e-15);
        }
    }

    private static Map<String, float[]> values(WeightAverage average) {
        Map<String, float[]> values = new LinkedHashMap<>();
        average.arrays().forEach((name, array) -> values.put(name, array.toFloatArray()));
        return values;
    }

    private void assertStrictlyBetween(Map<String, float[]> before, WeightAverage average) {
        values(average)
                .forEach(
                        (name, after) -> {
                            float[] from = Objects.requireNonNull(before.get(name));
                            float[] to = online(name).toFloatArray();
                            for (int i = 0; i < after.length; i++) {
                                assertTrue((after[i] - from[i]) * (to[i] - after[i]) > 0, name);
                            }
                        });
    }

    private NDArray online(String name) {
        return model.getBlock().getParameters().get(name).getArray();
    }

    /**
     * diffusers test_zero_decay: a decay of 0 copies every time, as close as the arithmetic can.
     */
    @ParameterizedTest
    @EnumSource
    void zeroDecay_copiesEveryTime(Arithmetic arithmetic) {
        try (WeightAverages averages = WeightAverages.of(model, diffusers(0, arithmetic))) {
            WeightAverage average = averages.main();
            for (long seed = 2; seed < 5; seed++) {
                Weights.move(model, seed);
                averages.update();
                assertEquals(0, average.decay());
                if (arithmetic == Arithmetic.SUBTRACTION) {
                    values(average)
                            .forEach(
                                    (name, values) ->
                                            assertArrayEquals(
                                                    online(name).toFloatArray(),
                                                    values,
                                                    1e-6f,
                                                    name));
                } else {
                    assertEquals(Weights.online(model), Weights.averaged(average));
                }
            }
        }
    }

    /** diffusers test_serialization: the saved average has the same outputs. */
    @Test
    void savedAverage_hasTheSameOutputs() throws Exception {
        try (WeightAverages averages =
                        WeightAverages.of(model, diffusers(0.9999, Arithmetic.SUBTRACTION));
                Model loaded = TestModels.convolutional(true);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            averages.update();
            Weights.move(model, 2);
            averages.update();
            NDList input = new NDList(Weights.images(scope, 3));
            NDList expected = average.forward(input);
            average.save(directory, "average");
            loaded.load(directory, "average");
            NDList actual =
                    loaded.getBlock().forward(new ParameterStore(scope, false), input, false);
            assertEquals(expected.head().toByteBuffer(), actual.head().toByteBuffer());
        }
    }

    /** timm: what runs the average follows each of its updates; a decay of 0 shows the model. */
    @Test
    void evaluationOfTheAverage_followsTheUpdates() {
        DecaySchedule schedule = LibrarySchedules.timm(0, 0, 0, false, 1, 2.0 / 3);
        try (WeightAverages averages = WeightAverages.of(model, EmaConfig.of(schedule));
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            NDList input = new NDList(Weights.images(scope, 3));
            for (long seed = 2; seed < 4; seed++) {
                Weights.move(model, seed);
                averages.update();
                NDList expected =
                        model.getBlock().forward(new ParameterStore(scope, false), input, false);
                assertEquals(
                        expected.head().toByteBuffer(),
                        average.forward(input).head().toByteBuffer());
            }
        }
    }

    /** pytorch_ema test_val_error: around the optimum the average is nearer than any iterate. */
    @Test
    void averageOfSwingingWeights_hasTheSmallerLoss() {
        try (SmallAverage average = new SmallAverage(LibrarySchedules.pytorchEma(0.99, true), 5)) {
            for (int i = 0; i < 500; i++) {
                average.step(i % 2 == 0 ? 4 : 2);
            }
            double squaredError = Math.pow(average.average()[0] - 3, 2);
            assertTrue(squaredError < 0.01, "squared error " + squaredError);
            assertEquals(1, Math.pow(average.online()[0] - 3, 2));
        }
    }

    /** pytorch_ema test_store_restore and test_contextmanager_restore, bit for bit. */
    @ParameterizedTest
    @ValueSource(doubles = {0.995, 0.9, 0})
    void swap_showsTheAverageAndRestores(double decay) {
        EmaConfig config = EmaConfig.of(LibrarySchedules.pytorchEma(decay, false));
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            Weights.move(model, 2);
            averages.update();
            Map<String, ByteBuffer> online = Weights.online(model);
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            assertEquals(decay == 0, online.equals(averaged));
            try (SwapScope scope = average.swapIn()) {
                assertEquals(averaged, Weights.online(model));
            }
            assertEquals(online, Weights.online(model));
        }
    }

    /** pytorch_ema test_store_restore at a decay of 1: nothing ever moves. */
    @Test
    void decayOfOne_keepsTheStart() {
        assertEquals(
                "decay must be in [0, 1), got 1.0",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> LibrarySchedules.pytorchEma(1, false))
                        .getMessage());
        DecaySchedule never = new ConstantDecay(0).stopAfter(0);
        try (WeightAverages averages = WeightAverages.of(model, EmaConfig.of(never))) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> start = Weights.averaged(average);
            Weights.move(model, 2);
            averages.update();
            assertEquals(start, Weights.averaged(average));
        }
    }

    /** pytorch_ema test_update: from 0 to 1 once leaves one minus the decay; the model stays. */
    @ParameterizedTest
    @ValueSource(doubles = {0.995, 0.9, 0.5})
    void oneUpdate_isOneMinusTheDecay(double decay) {
        try (SmallAverage average =
                new SmallAverage(LibrarySchedules.pytorchEma(decay, false), 0, 0, 0)) {
            float expected = (float) (1 - decay);
            assertArrayEquals(new float[] {expected, expected, expected}, average.step(1, 1, 1));
            assertArrayEquals(new float[] {1, 1, 1}, average.online());
        }
    }

    /** pytorch_ema test_explicit_params: only those that are asked for. */
    @Test
    void chosenParameters_areAveraged() {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder().optInclude("Linear").build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> start = Weights.averaged(average);
            Weights.move(model, 2);
            averages.update();
            Map<String, ByteBuffer> online = Weights.online(model);
            Weights.averaged(average)
                    .forEach(
                            (name, bits) -> {
                                boolean chosen = name.contains("Linear");
                                assertEquals(!chosen, bits.equals(online.get(name)), name);
                                assertNotEquals(start.get(name), bits);
                            });
        }
    }

    /** pytorch_ema test_some_untrainable: what is not trained is what the model has. */
    @Test
    void untrainedParameters_areCopied() {
        Parameter bias = model.getBlock().getParameters().get("05Linear_bias");
        bias.freeze(true);
        EmaConfig config = EmaConfig.of(LibrarySchedules.pytorchEma(0.9, true));
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            Weights.move(model, 2);
            averages.update();
            assertArrayEquals(
                    bias.getArray().toFloatArray(), Weights.values(average, "05Linear_bias"));
            assertFalse(
                    Weights.bits(online("05Linear_weight"))
                            .equals(Weights.bits(Weights.array(average, "05Linear_weight"))));
        }
    }

    /** pytorch_ema test_to: the average in another type than the model's. */
    @ParameterizedTest
    @EnumSource
    void average_mayHaveAnotherType(Precision precision) {
        NDArray halves =
                model.getNDManager().create(new float[] {1, 2}).toType(DataType.FLOAT16, true);
        try (Model half = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.add(half, "weight", Parameter.Type.WEIGHT, halves, true);
            EmaConfig config =
                    EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                            .optPrecision(precision)
                            .build();
            try (WeightAverages averages = WeightAverages.of(half, config)) {
                WeightAverage average = averages.main();
                ArrayBlock.set(weight, 2, 4);
                averages.update();
                NDArray array = Weights.array(average, "weight");
                assertEquals(
                        switch (precision) {
                            case ONLINE -> DataType.FLOAT16;
                            case FLOAT32 -> DataType.FLOAT32;
                            case FLOAT64 -> DataType.FLOAT64;
                        },
                        array.getDataType());
                assertArrayEquals(new double[] {1.5, 3}, RandomModel.values(array));
                average.copyToModel();
                assertEquals(DataType.FLOAT16, weight.getArray().getDataType());
                assertArrayEquals(new double[] {1.5, 3}, RandomModel.values(weight.getArray()));
            }
        }
    }

    /** pytorch_ema: wrong shapes are refused before anything is written. */
    @Test
    void otherShapes_leaveTheModelUnchanged() throws Exception {
        try (Model two = linear(2);
                Model four = linear(4);
                WeightAverages averages =
                        WeightAverages.of(two, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            averages.update();
            four.save(directory, "linear");
            two.load(directory, "linear");
            Map<String, ByteBuffer> online = Weights.online(two);
            String message = "parameter 'weight' must keep the shape (2, 3), got (4, 3)";
            assertEquals(
                    message,
                    assertThrows(IllegalStateException.class, average::copyToModel).getMessage());
            assertEquals(
                    message,
                    assertThrows(IllegalStateException.class, average::swapIn).getMessage());
            assertEquals(online, Weights.online(two));
        }
    }

    private static Model linear(long units) {
        Model linear = Model.newInstance("linear", "PyTorch");
        linear.setBlock(Linear.builder().setUnits(units).optBias(false).build());
        linear.getBlock().initialize(linear.getNDManager(), DataType.FLOAT32, new Shape(1, 3));
        return linear;
    }
}
