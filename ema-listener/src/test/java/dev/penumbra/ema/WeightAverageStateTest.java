// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.ParameterStore;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.weights.SwapScope;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** What an average may do when: before its first step, swapped in, closed, after a load. */
final class WeightAverageStateTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));
    private static final String SWAPPED = "The average is swapped in: close its scope first";
    private static final String CLOSED = "The average is closed";

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

    private WeightAverages updated() {
        WeightAverages averages = WeightAverages.of(model, CONFIG);
        Weights.move(model, 2);
        averages.update();
        return averages;
    }

    private static void assertRefused(String message, Executable executable) {
        assertEquals(message, assertThrows(IllegalStateException.class, executable).getMessage());
    }

    @Test
    void swapIn_showsTheAverage() {
        try (WeightAverages averages = updated()) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            Map<String, ByteBuffer> online = Weights.online(model);
            assertNotEquals(online, averaged);
            try (SwapScope scope = average.swapIn()) {
                assertEquals(averaged, Weights.online(model));
            }
            assertEquals(online, Weights.online(model));
            assertEquals(averaged, Weights.averaged(average));
        }
    }

    @Test
    void swapIn_restoresAfterAnException() {
        try (WeightAverages averages = updated()) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> online = Weights.online(model);
            assertThrows(
                    ArithmeticException.class,
                    () -> {
                        try (SwapScope scope = average.swapIn()) {
                            throw new ArithmeticException();
                        }
                    });
            assertEquals(online, Weights.online(model));
            Weights.move(model, 3);
            averages.update();
            assertEquals(2, average.step());
        }
    }

    @Test
    void swapScope_closesOnce() {
        try (WeightAverages averages = updated()) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> online = Weights.online(model);
            SwapScope scope = average.swapIn();
            scope.close();
            scope.close();
            assertEquals(online, Weights.online(model));
            try (SwapScope second = average.swapIn()) {
                scope.close();
                assertNotEquals(online, Weights.online(model));
            }
            assertEquals(online, Weights.online(model));
        }
    }

    @Test
    void close_undoesAnOpenSwap() {
        WeightAverages averages = updated();
        WeightAverage average = averages.main();
        Map<String, ByteBuffer> online = Weights.online(model);
        SwapScope scope = average.swapIn();
        averages.close();
        assertEquals(online, Weights.online(model));
        scope.close();
        assertEquals(online, Weights.online(model));
    }

    /** Half-precision weights are kept in float32 meanwhile, which holds each of them. */
    @Test
    void swapIn_ofHalfPrecision() {
        try (Model halves = ArrayBlock.model()) {
            NDArray values = halves.getNDManager().create(new float[] {0.1f, -0f, 65504, 6e-8f});
            Parameter weight =
                    ArrayBlock.add(
                            halves,
                            "weight",
                            Parameter.Type.WEIGHT,
                            values.toType(DataType.FLOAT16, true),
                            true);
            try (WeightAverages averages = WeightAverages.of(halves, CONFIG)) {
                WeightAverage average = averages.main();
                ArrayBlock.set(weight, 0.3f, 0.5f, -65504, 1);
                averages.update();
                ByteBuffer online = Weights.bits(weight.getArray());
                NDArray averaged = Weights.array(average, "weight");
                try (SwapScope scope = average.swapIn()) {
                    assertEquals(
                            Weights.bits(averaged.toType(DataType.FLOAT16, true)),
                            Weights.bits(weight.getArray()));
                }
                assertEquals(online, Weights.bits(weight.getArray()));
                averages.update();
                assertEquals(2, average.step());
            }
        }
    }

    @Test
    void whileSwappedIn_nothingElseIsAllowed() {
        try (WeightAverages averages = updated();
                SwapScope scope = averages.main().swapIn()) {
            WeightAverage average = averages.main();
            NDList input = new NDList(Weights.images(model.getNDManager(), 4));
            assertRefused(SWAPPED, average::swapIn);
            assertRefused(SWAPPED, averages::update);
            assertRefused(SWAPPED, average::arrays);
            assertRefused(SWAPPED, average::distance);
            assertRefused(SWAPPED, () -> average.forward(input));
            assertRefused(SWAPPED, () -> average.parameterStore(model.getNDManager()));
            assertRefused(SWAPPED, () -> average.save(directory, "average"));
            assertEquals(1, average.step());
        }
    }

    @Test
    void onceClosed_nothingIsAllowed() {
        WeightAverages averages = updated();
        WeightAverage average = averages.main();
        averages.close();
        averages.close();
        NDList input = new NDList(Weights.images(model.getNDManager(), 4));
        assertRefused(CLOSED, averages::update);
        assertRefused(CLOSED, average::swapIn);
        assertRefused(CLOSED, average::arrays);
        assertRefused(CLOSED, average::distance);
        assertRefused(CLOSED, () -> average.forward(input));
        assertRefused(CLOSED, () -> average.parameterStore(model.getNDManager()));
        assertRefused(CLOSED, () -> average.save(directory, "average"));
    }

    @Test
    void modelClosedFirst_closesTheAverage() {
        WeightAverages averages = updated();
        model.close();
        assertRefused("The average is closed with its model", averages::update);
        averages.close();
    }

    @Test
    void beforeTheFirstStep_theAverageIsNotForUse() {
        String message =
                "The average has not been updated yet: train at least one step before using it";
        try (WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            NDList input = new NDList(Weights.images(model.getNDManager(), 4));
            assertRefused(message, average::swapIn);
            assertRefused(message, () -> average.forward(input));
            assertRefused(message, () -> average.parameterStore(model.getNDManager()));
            assertRefused(message, () -> average.save(directory, "average"));
            assertEquals(0, average.distance());
        }
    }

    @Test
    void modelWithoutWeights_isRefused() {
        try (Model empty = TestModels.convolutional(true)) {
            assertRefused(
                    "The model has no weights yet: call trainer.initialize(...) before training",
                    () -> WeightAverages.of(empty, CONFIG));
        }
    }

    @Test
    void modelWithoutParameters_isRefused() {
        try (Model empty = ArrayBlock.model()) {
            assertRefused(
                    "The model has no parameters to average",
                    () -> WeightAverages.of(empty, CONFIG));
        }
    }

    private static Model linear(long units) {
        Model linear = Model.newInstance("linear", "PyTorch");
        linear.setBlock(Linear.builder().setUnits(units).optBias(false).build());
        linear.getBlock().initialize(linear.getNDManager(), DataType.FLOAT32, new Shape(1, 3));
        return linear;
    }

    /** DJL loads weights of any shape. */
    @Test
    void loadOfAnotherShape_isRefusedEveryTime() throws Exception {
        String message = "parameter 'weight' must keep the shape (2, 3), got (4, 3)";
        try (Model two = linear(2);
                Model four = linear(4);
                WeightAverages averages = WeightAverages.of(two, CONFIG)) {
            WeightAverage average = averages.main();
            averages.update();
            four.save(directory, "linear");
            two.load(directory, "linear");
            assertRefused(message, averages::update);
            assertRefused(message, averages::update);
            assertEquals(1, average.step());
        }
    }

    @Test
    void swapIn_afterALoad() throws Exception {
        try (WeightAverages averages = updated()) {
            WeightAverage average = averages.main();
            model.save(directory, "checkpoint");
            model.load(directory, "checkpoint");
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            Map<String, ByteBuffer> online = Weights.online(model);
            try (SwapScope scope = average.swapIn()) {
                assertEquals(averaged, Weights.online(model));
            }
            assertEquals(online, Weights.online(model));
            assertEquals(averaged, Weights.averaged(average));
        }
    }

    @Test
    void parameterStore_ofAParameterThatCameLater() {
        try (WeightAverages averages = updated();
                NDManager scope = model.getNDManager().newSubManager();
                Model other = ArrayBlock.model()) {
            WeightAverage average = averages.main();
            Parameter late = ArrayBlock.weight(other, "late", 1);
            ParameterStore store = average.parameterStore(scope);
            assertRefused(
                    "The average has no values for parameter 'late', which appeared after"
                            + " averaging began",
                    () -> store.getValue(late, scope.getDevice(), false));
        }
    }

    @Test
    @SuppressWarnings("NullAway") // DJL's blocks ask for parameters they do not have
    void parameterStore_ofAnAbsentParameter() {
        try (WeightAverages averages = updated();
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            assertNull(average.parameterStore(scope).getValue(null, scope.getDevice(), false));
        }
    }

    @Test
    void parameterStore_answersWithAverages() {
        try (WeightAverages averages = updated();
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            Block block = model.getBlock();
            Parameter bias = block.getParameters().get("05Linear_bias");
            NDArray value = average.parameterStore(scope).getValue(bias, scope.getDevice(), false);
            assertArrayEquals(Weights.values(average, "05Linear_bias"), value.toFloatArray());
        }
    }
}
