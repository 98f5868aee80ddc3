// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.PairList;
import dev.penumbra.ema.schedule.ConstantDecay;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Blocks that read their arrays without asking the parameter store. */
final class BehindTheStoreTest {

    /** Multiplies by a weight, and counts its calls in a buffer. */
    private static final class Direct extends AbstractBlock {

        private final Parameter weight;
        private final Parameter calls;

        Direct() {
            super((byte) 1);
            weight = addParameter(parameter("weight", Parameter.Type.WEIGHT, true));
            calls = addParameter(parameter("calls", Parameter.Type.RUNNING_MEAN, false));
        }

        private static Parameter parameter(String name, Parameter.Type type, boolean trained) {
            return Parameter.builder()
                    .setName(name)
                    .setType(type)
                    .optShape(new Shape(3))
                    .optInitializer(Initializer.ONES)
                    .optRequiresGrad(trained)
                    .build();
        }

        @Override
        protected NDList forwardInternal(
                ParameterStore store,
                NDList inputs,
                boolean training,
                @Nullable PairList<String, Object> params) {
            if (training) {
                calls.getArray().addi(1);
            }
            return new NDList(inputs.head().mul(weight.getArray()).add(calls.getArray()));
        }

        @Override
        public Shape[] getOutputShapes(Shape[] inputShapes) {
            return inputShapes;
        }
    }

    private Model model;
    private Direct direct;
    private WeightAverages averages;

    @BeforeEach
    void setUp() {
        model = Model.newInstance("direct", "PyTorch");
        direct = new Direct();
        model.setBlock(new SequentialBlock().add(direct).add(Linear.builder().setUnits(2).build()));
        model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(2, 3));
        averages = WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)));
        ArrayBlock.set(direct.weight, 2, 4, 6);
        ArrayBlock.set(direct.calls, 10, 20, 30);
        averages.update();
    }

    @AfterEach
    void tearDown() {
        averages.close();
        model.close();
    }

    /** The output for ones, computed from the averaged arrays in plain Java. */
    private float[] expected(float calls) {
        float[] first = Weights.values(averages.main(), "01Direct_weight");
        float[] counted = Weights.values(averages.main(), "01Direct_calls");
        float[] weight = Weights.values(averages.main(), "02Linear_weight");
        float[] bias = Weights.values(averages.main(), "02Linear_bias");
        float[] output = bias.clone();
        for (int o = 0; o < output.length; o++) {
            for (int i = 0; i < 3; i++) {
                output[o] += weight[o * 3 + i] * (first[i] + counted[i] + calls);
            }
        }
        return output;
    }

    @Test
    void forward_usesTheAverageAndLeavesTheModel() {
        var online = Weights.online(model);
        try (NDManager scope = model.getNDManager().newSubManager()) {
            for (int pass = 0; pass < 3; pass++) {
                NDList input = new NDList(scope.ones(new Shape(1, 3)));
                NDArray output = averages.main().forward(input).singletonOrThrow();
                assertArrayEquals(expected(0), output.toFloatArray(), 1e-4f);
            }
        }
        assertEquals(online, Weights.online(model));
    }

    @Test
    void forwardInTrainingMode_changesNeitherModelNorAverage() {
        var online = Weights.online(model);
        var averaged = Weights.averaged(averages.main());
        try (NDManager scope = model.getNDManager().newSubManager()) {
            NDList input = new NDList(scope.ones(new Shape(1, 3)));
            averages.main().forward(input);
            NDArray output = averages.main().forward(input, true).singletonOrThrow();
            assertArrayEquals(expected(1), output.toFloatArray(), 1e-4f);
        }
        assertEquals(online, Weights.online(model));
        assertEquals(averaged, Weights.averaged(averages.main()));
    }

    @Test
    @SuppressWarnings("try") // the collector only has to be open
    void teacher_whileGradientsAreRecorded_isRefusedByName() {
        try (NDManager scope = model.getNDManager().newSubManager();
                GradientCollector collector = scope.getEngine().newGradientCollector()) {
            NDList input = new NDList(scope.ones(new Shape(1, 3)));
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> averages.main().forward(input));
            assertEquals(
                    "parameters [01Direct_weight, 01Direct_calls] are read by their block without"
                            + " the parameter store, so they cannot hold other values while"
                            + " gradients are recorded: run the averaged weights before the"
                            + " gradient collector is opened",
                    e.getMessage());
        }
    }
}
