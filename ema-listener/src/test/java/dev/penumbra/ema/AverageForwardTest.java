// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.Dropout;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.weights.SwapScope;
import java.nio.ByteBuffer;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class AverageForwardTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));

    private static WeightAverages updated(Model model) {
        WeightAverages averages = WeightAverages.of(model, CONFIG);
        Weights.move(model, 2);
        averages.update();
        return averages;
    }

    private static NDArray predict(Block block, NDArray input) {
        ParameterStore store = new ParameterStore(input.getManager(), false);
        return block.forward(store, new NDList(input), false).singletonOrThrow();
    }

    @Test
    void forward_equalsASecondModelWithTheAverages() {
        try (Model model = Weights.initialized();
                Model second = Weights.initialized();
                WeightAverages averages = updated(model)) {
            WeightAverage average = averages.main();
            average.arrays()
                    .forEach(
                            (name, array) ->
                                    ArrayBlock.set(
                                            second.getBlock().getParameters().get(name), array));
            NDArray input = Weights.images(second.getNDManager(), 4);
            NDArray actual = average.forward(new NDList(input)).singletonOrThrow();
            float[] expected = predict(second.getBlock(), input).toFloatArray();
            assertArrayEquals(expected, actual.toFloatArray());
            assertNotEquals(expected[0], predict(model.getBlock(), input).toFloatArray()[0]);
        }
    }

    @Test
    void forward_leavesTheModelAlone() {
        try (Model model = Weights.initialized();
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            Map<String, ByteBuffer> online = Weights.online(model);
            Map<String, ByteBuffer> averaged = Weights.averaged(average);
            average.forward(new NDList(Weights.images(scope, 4)));
            assertEquals(online, Weights.online(model));
            assertEquals(averaged, Weights.averaged(average));
        }
    }

    @Test
    void forward_givesOutputsToTheManagerOfTheInputs() {
        try (Model model = Weights.initialized();
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            NDList output = average.forward(new NDList(Weights.images(scope, 4)));
            assertSame(scope, output.singletonOrThrow().getManager());
            assertEquals(new Shape(2, 5), output.singletonOrThrow().getShape());
        }
    }

    /** A block whose operation belongs to its parameter, and so its result. */
    private static final class Scale extends AbstractBlock {

        private final Parameter factor;

        Scale() {
            super((byte) 1);
            factor =
                    addParameter(
                            Parameter.builder()
                                    .setName("factor")
                                    .setType(Parameter.Type.WEIGHT)
                                    .build());
        }

        @Override
        protected void prepare(Shape[] inputShapes) {
            factor.setShape(new Shape(1, 1));
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                @Nullable PairList<String, Object> params) {
            NDArray input = inputs.singletonOrThrow();
            return new NDList(store.getValue(factor, input.getDevice(), training).mul(input));
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return inputShapes;
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "FLOAT32"})
    void forward_ofAParametersOperationGivesTheOutputAway(DataType type) {
        try (Model model = initialized(new Scale(), type);
                WeightAverages averages = updated(model)) {
            WeightAverage average = averages.main();
            NDManager owner = Weights.array(average, "factor").getManager();
            int arrays = owner.getManagedArrays().size();
            try (NDManager scope = model.getNDManager().newSubManager()) {
                NDArray input = scope.ones(new Shape(1, 2), type);
                NDArray output = average.forward(new NDList(input)).singletonOrThrow();
                assertSame(scope, output.getManager());
                assertEquals(2, output.toType(DataType.FLOAT32, false).toFloatArray().length);
            }
            assertEquals(arrays, owner.getManagedArrays().size());
        }
    }

    private static Model initialized(Block block, DataType type) {
        Model model = Model.newInstance("linear", "PyTorch");
        model.setBlock(block);
        model.setDataType(type);
        block.initialize(model.getNDManager(), type, new Shape(1, 3));
        return model;
    }

    /** The average of half-precision weights is rounded to them for a forward pass. */
    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "FLOAT32", "FLOAT64"})
    void forward_equalsASwap(DataType type) {
        try (Model model = initialized(Linear.builder().setUnits(4).build(), type);
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            NDArray input = scope.ones(new Shape(1, 3), type);
            NDArray actual = average.forward(new NDList(input)).singletonOrThrow();
            try (SwapScope swapped = average.swapIn()) {
                assertEquals(Weights.bits(predict(model.getBlock(), input)), Weights.bits(actual));
            }
            assertEquals(type, actual.getDataType());
        }
    }

    @Test
    void forward_dropsNothingOut() {
        Block block =
                new SequentialBlock()
                        .add(Dropout.builder().optRate(0.5f).build())
                        .add(Linear.builder().setUnits(4).build());
        try (Model model = initialized(block, DataType.FLOAT32);
                WeightAverages averages = updated(model);
                NDManager scope = model.getNDManager().newSubManager()) {
            WeightAverage average = averages.main();
            NDArray input = scope.ones(new Shape(1, 3));
            NDArray actual = average.forward(new NDList(input)).singletonOrThrow();
            try (SwapScope swapped = average.swapIn()) {
                Block linear = block.getChildren().get("02Linear");
                assertArrayEquals(predict(linear, input).toFloatArray(), actual.toFloatArray());
            }
        }
    }
}
