// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.safetensors.TensorType;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class OptimizerStateTest {

    private static final Tracker RATE =
            Tracker.cosine().setBaseValue(0.1f).optFinalValue(0.01f).setMaxUpdates(9).build();

    /** The optimizers that can be saved. */
    enum Kind {
        FUSED_ADAMW,
        ADAMW,
        ADAM,
        SGD,
        MOMENTUM;

        Optimizer create() {
            return switch (this) {
                case FUSED_ADAMW -> FusedAdamW.builder().optLearningRateTracker(RATE).build();
                case ADAMW -> Optimizer.adamW().optLearningRateTracker(RATE).build();
                case ADAM -> Optimizer.adam().optLearningRateTracker(RATE).build();
                case SGD -> Optimizer.sgd().setLearningRateTracker(RATE).build();
                case MOMENTUM ->
                        Optimizer.sgd().setLearningRateTracker(RATE).optMomentum(0.9f).build();
            };
        }
    }

    private final NDManager manager = NDManager.newBaseManager();
    private final Block block = block();
    private final Random random = new Random(3);

    private Block block() {
        Block linear = Linear.builder().setUnits(2).build();
        linear.initialize(manager, DataType.FLOAT32, new Shape(1, 3));
        return linear;
    }

    @BeforeEach
    void requireGradients() {
        block.getParameters().forEach(pair -> pair.getValue().getArray().setRequiresGradient(true));
    }

    @AfterEach
    void close() {
        manager.close();
    }

    /** Updates some parameters of a block once. */
    private static void update(
            Optimizer optimizer, Block block, float[] gradient, String... names) {
        for (String name : names) {
            Parameter parameter = block.getParameters().get(name);
            NDArray array = parameter.getArray();
            array.setRequiresGradient(true);
            try (NDArray g = array.getManager().create(gradient).reshape(array.getShape())) {
                optimizer.update(parameter.getId(), array, g);
            }
        }
    }

    private float[] gradient(int size) {
        float[] gradient = new float[size];
        for (int i = 0; i < size; i++) {
            gradient[i] = (float) random.nextGaussian();
        }
        return gradient;
    }

    private static float[] values(Block block, String name) {
        return block.getParameters().get(name).getArray().toFloatArray();
    }

    private static void copy(Block from, Block to) throws IOException {
        for (var pair : from.getParameters()) {
            NDArray target = to.getParameters().get(pair.getKey()).getArray();
            try (TensorList t = TensorList.of(List.of(target));
                    TensorList s = TensorList.of(List.of(pair.getValue().getArray()))) {
                ForeachOps.copy(t, s);
            }
        }
    }

    /** The bias is updated more often, as one that was thawed earlier. */
    @ParameterizedTest
    @EnumSource
    void restored_goesOnBitForBit(Kind kind) throws IOException {
        Optimizer first = kind.create();
        for (int i = 0; i < 3; i++) {
            update(first, block, gradient(2), "bias");
        }
        update(first, block, gradient(6), "weight");

        Block other = block();
        copy(block, other);
        Optimizer second = kind.create();
        update(second, other, gradient(2), "bias");
        copy(block, other);
        OptimizerState state = OptimizerState.of(second, other);
        try (Memory saved = new Memory(OptimizerState.of(first, block).state())) {
            assertEquals(List.of(), state.differences(saved));
            state.restore(saved);
            assertEquals(saved.values(), state.state().values());
        }
        for (int i = 0; i < 3; i++) {
            float[] bias = gradient(2);
            float[] weight = gradient(6);
            for (Optimizer each : List.of(first, second)) {
                update(each, each == first ? block : other, bias, "bias");
                update(each, each == first ? block : other, weight, "weight");
            }
            assertArrayEquals(values(block, "weight"), values(other, "weight"));
            assertArrayEquals(values(block, "bias"), values(other, "bias"));
        }
    }

    @ParameterizedTest
    @EnumSource
    void beforeTheFirstUpdate_thereIsNothing(Kind kind) throws IOException {
        Optimizer first = kind.create();
        try (Memory saved = new Memory(OptimizerState.of(first, block).state())) {
            assertEquals(Map.of(), saved.tensors());
            Optimizer second = kind.create();
            update(second, block, gradient(2), "bias");
            OptimizerState state = OptimizerState.of(second, block);
            assertEquals(List.of(), state.differences(saved));
            state.restore(saved);
            assertEquals(saved.values(), state.state().values());
            assertEquals(Map.of(), state.state().arrays());
        }
    }

    @Test
    void names_areThoseOfTheBlock() {
        Optimizer optimizer = Kind.FUSED_ADAMW.create();
        update(optimizer, block, gradient(2), "bias");
        State state = OptimizerState.of(optimizer, block).state();
        assertEquals(
                List.of("first_moment/bias", "second_moment/bias"),
                List.copyOf(new TreeSet<>(state.arrays().keySet())));
        assertEquals(
                Map.of("optimizer", "FusedAdamW", "updates", "1", "updates/bias", "1"),
                state.values());
    }

    @Test
    void differences_areAllTold() throws IOException {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put("first_moment/bias", manager.zeros(new Shape(3)));
        arrays.put("third/bias", manager.zeros(new Shape(2)));
        arrays.put("second_moment/weight", manager.zeros(new Shape(2, 3)));
        Map<String, String> values = new LinkedHashMap<>();
        values.put("optimizer", "Adam");
        values.put("updates", "-1");
        values.put("updates/bias", "2147483648");
        values.put("updates/other", "1");
        OptimizerState state = OptimizerState.of(Kind.FUSED_ADAMW.create(), block);
        try (Memory saved = new Memory(new State(arrays, values))) {
            assertEquals(
                    List.of(
                            "optimizer must be FusedAdamW, got Adam",
                            "updates must be a number of updates, got -1",
                            "updates/bias must be a number of updates, got 2147483648",
                            "array 'first_moment/bias' must be (2) of F32, got (3) of F32",
                            "updates of 'weight' must be saved with its arrays",
                            "array 'second_moment/bias' must be present, got none",
                            "array 'third/bias' must be absent, got (2)",
                            "updates/other must be absent, got 1"),
                    state.differences(saved));
        }
    }

    @Test
    void unknownOptimizer() {
        Optimizer optimizer =
                Optimizer.nag().setMomentum(0.9f).setLearningRateTracker(RATE).build();
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class, () -> OptimizerState.of(optimizer, block));
        assertEquals(
                "optimizer must be FusedAdamW, Sgd, Adam or AdamW to be saved, got Nag",
                e.getMessage());
    }

    @Test
    void stepSeeds_differ() {
        TreeSet<Long> seeds = new TreeSet<>();
        for (long step = 0; step < 1000; step++) {
            seeds.add(TorchRandom.mix(7 + TorchRandom.mix(step)));
            seeds.add(TorchRandom.mix(8 + TorchRandom.mix(step)));
        }
        assertEquals(2000, seeds.size());
        TorchRandom.seed(7, 3);
        float[] first = drawn();
        TorchRandom.seed(7, 4);
        float[] second = drawn();
        TorchRandom.seed(7, 3);
        assertArrayEquals(first, drawn());
        assertEquals(false, java.util.Arrays.equals(first, second));
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> TorchRandom.seed(1, -1));
        assertEquals("step must be at least 0, got -1", e.getMessage());
    }

    private float[] drawn() {
        try (NDArray array = manager.randomNormal(new Shape(5))) {
            return array.toFloatArray();
        }
    }

    /** A saved state in the memory. */
    private static final class Memory implements SavedState, AutoCloseable {

        private final NDManager manager = NDManager.newBaseManager();
        private final Map<String, NDArray> arrays = new LinkedHashMap<>();
        private final Map<String, String> values;

        Memory(State state) {
            state.arrays()
                    .forEach(
                            (name, array) -> {
                                NDArray copy = array.duplicate();
                                copy.attach(manager);
                                arrays.put(name, copy);
                            });
            values = state.values();
        }

        @Override
        public Map<String, TensorInfo> tensors() {
            Map<String, TensorInfo> infos = new LinkedHashMap<>();
            arrays.forEach(
                    (name, array) ->
                            infos.put(
                                    name,
                                    new TensorInfo(
                                            name,
                                            TensorType.of(array.getDataType()),
                                            array.getShape(),
                                            0,
                                            array.size() * 4)));
            return infos;
        }

        @Override
        public Map<String, String> values() {
            return values;
        }

        @Override
        public void readInto(String name, NDArray target) {
            try (TensorList t = TensorList.of(List.of(target));
                    TensorList s = TensorList.of(List.of(arrays.get(name)))) {
                ForeachOps.copy(t, s);
            }
        }

        @Override
        public void close() {
            manager.close();
        }
    }
}
