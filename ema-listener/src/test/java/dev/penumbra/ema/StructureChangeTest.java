// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.ParameterStore;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.SwapScope;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models that change while they are averaged. */
final class StructureChangeTest {

    private static final int WIDTH = 3;

    @TempDir private Path directory;
    private Model model;
    private SequentialBlock block;

    @BeforeEach
    void setUp() {
        model = Model.newInstance("changing", "PyTorch");
        block = new SequentialBlock().add(linear()).add(linear());
        model.setBlock(block);
        initialize(block);
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private static Block linear() {
        return Linear.builder().setUnits(WIDTH).build();
    }

    private void initialize(Block added) {
        added.initialize(model.getNDManager(), DataType.FLOAT32, new Shape(2, WIDTH));
    }

    private static EmaConfig config(Arithmetic arithmetic) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("slow", new ConstantDecay(0.75));
        rules.put("fast", new ConstantDecay(0.5));
        return EmaConfig.of(rules).toBuilder().optArithmetic(arithmetic).build();
    }

    /** A call that is refused while there are no weights leaves nothing behind. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void refusedCallWithoutWeights_nextFoldStartsAnew(boolean otherWidth) {
        WeightAverages averages = WeightAverages.of(model, config(Arithmetic.LERP));
        averages.update();
        block.clear();
        List<Runnable> calls =
                List.of(
                        () -> averages.main().distance(),
                        () -> averages.main().copyToModel(),
                        () -> averages.main().swapIn(),
                        averages::update);
        for (Runnable call : calls) {
            assertEquals(
                    "The model has no weights yet: call trainer.initialize(...) before training",
                    assertThrows(IllegalStateException.class, call::run).getMessage());
        }
        int width = otherWidth ? WIDTH + 2 : WIDTH;
        block.initialize(model.getNDManager(), DataType.FLOAT32, new Shape(2, width));
        averages.main().distance();
        assertEquals(0, averages.step());
        assertEquals(Weights.online(model), Weights.averaged(averages.main()));
    }

    /** Moves each parameter by numbers of its own, whatever else the model has. */
    private void move(int step) {
        ModelWeights.parametersOf(block)
                .forEach(
                        (name, parameter) -> {
                            long seed = 31L * step + name.hashCode();
                            ArrayBlock.set(parameter, floats(seed, parameter));
                        });
    }

    private static float[] floats(long seed, Parameter parameter) {
        Random random = new Random(seed);
        float[] values = new float[Math.toIntExact(parameter.getArray().size())];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private void step(WeightAverages averages, int step) {
        move(step);
        averages.update();
    }

    private static Map<String, ByteBuffer> of(WeightAverages averages, String prefix) {
        Map<String, ByteBuffer> bits = new LinkedHashMap<>();
        for (String name : averages.names()) {
            averages.get(name)
                    .arrays()
                    .forEach(
                            (parameter, array) -> {
                                if (parameter.startsWith(prefix)) {
                                    bits.put(name + " " + parameter, Weights.bits(array));
                                }
                            });
        }
        return bits;
    }

    /** A change between two steps. */
    private interface Change {
        void run();
    }

    /** What the first layer's averages are after some steps, with a change after two of them. */
    private Map<String, ByteBuffer> firstLayer(Arithmetic arithmetic, Change change) {
        move(0);
        try (WeightAverages averages = WeightAverages.of(model, config(arithmetic))) {
            for (int step = 1; step <= 5; step++) {
                step(averages, step);
                if (step == 2) {
                    change.run();
                }
            }
            assertEquals(5, averages.step());
            assertEquals(
                    ModelWeights.parametersOf(block).keySet(), averages.main().arrays().keySet());
            return of(averages, "01");
        }
    }

    /** Layers come, go and are replaced; the others' averages never notice. */
    @ParameterizedTest
    @EnumSource
    void otherAverages_continueBitForBit(Arithmetic arithmetic) {
        Map<String, ByteBuffer> undisturbed = firstLayer(arithmetic, () -> {});
        List<Change> changes =
                List.of(
                        () -> block.getParameters().get("02Linear_bias").freeze(true),
                        () -> {
                            Block added = linear();
                            block.add(added);
                            initialize(added);
                        },
                        () -> block.removeLastBlock(),
                        () -> {
                            Block replacement = BatchNorm.builder().build();
                            block.replaceLastBlock(replacement);
                            initialize(replacement);
                        },
                        () -> block.add(block.getChildren().valueAt(0)));
        for (Change change : changes) {
            assertEquals(undisturbed, firstLayer(arithmetic, change));
        }
    }

    @Test
    void addedLayer_joinsWithItsValues() {
        move(0);
        try (WeightAverages averages = WeightAverages.of(model, config(Arithmetic.LERP))) {
            step(averages, 1);
            Block added = linear();
            block.add(added);
            averages.update();
            assertEquals(4, averages.main().arrays().size());
            initialize(added);
            Parameter bias = block.getParameters().get("03Linear_bias");
            ArrayBlock.set(bias, 1, 2, 3);
            averages.update();
            assertArrayEquals(
                    new float[] {1, 2, 3}, Weights.values(averages.main(), "03Linear_bias"));
            ArrayBlock.set(bias, 5, 2, 3);
            averages.update();
            assertArrayEquals(
                    new float[] {2, 2, 3}, Weights.values(averages.main(), "03Linear_bias"));
            assertArrayEquals(
                    new float[] {3, 2, 3}, Weights.values(averages.get("fast"), "03Linear_bias"));
            assertEquals(1, run(averages));
        }
    }

    /** Runs the model with the average, as the online weights and swapped in. */
    private long run(WeightAverages averages) {
        try (NDManager scope = model.getNDManager().newSubManager()) {
            NDList input = new NDList(scope.ones(new Shape(2, WIDTH)));
            NDList output = averages.main().forward(input);
            Map<String, ByteBuffer> online = Weights.online(model);
            try (SwapScope swap = averages.main().swapIn()) {
                NDList same = block.forward(new ParameterStore(scope, false), input, false);
                assertEquals(output.head().toByteBuffer(), same.head().toByteBuffer());
            }
            assertEquals(online, Weights.online(model));
            return output.size();
        }
    }

    @Test
    void removedAndReplacedLayers_areEvaluated() {
        move(0);
        try (WeightAverages averages = WeightAverages.of(model, config(Arithmetic.COMPENSATED))) {
            step(averages, 1);
            block.removeLastBlock();
            assertEquals(1, run(averages));
            step(averages, 2);
            assertEquals(2, averages.main().arrays().size());
            assertEquals(1, run(averages));
            Block replacement = BatchNorm.builder().build();
            block.add(replacement);
            initialize(replacement);
            step(averages, 3);
            assertEquals(6, averages.main().arrays().size());
            assertEquals(1, run(averages));
        }
    }

    /** The averages of removed layers are freed, and so is what was prepared for them. */
    @ParameterizedTest
    @EnumSource
    void changes_leaveNothingBehind(Arithmetic arithmetic) {
        try (WeightAverages averages = WeightAverages.of(model, config(arithmetic))) {
            averages.update();
            long before = -1;
            for (int round = 0; round < 6; round++) {
                Block added = linear();
                block.add(added);
                initialize(added);
                averages.update();
                assertEquals(6, averages.main().arrays().size());
                block.removeLastBlock();
                added.clear();
                averages.update();
                long arrays = model.getNDManager().getManagedArrays().size();
                assertEquals(before < 0 ? arrays : before, arrays);
                before = arrays;
            }
        }
    }

    /** A group belongs to a name, also to the name of a later parameter. */
    @Test
    void groups_holdForLaterParameters() {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                        .optGroup("^03", new ConstantDecay(0))
                        .build();
        try (WeightAverages averages = WeightAverages.of(model, config)) {
            WeightAverage average = averages.main();
            averages.update();
            Block added = linear();
            block.add(added);
            initialize(added);
            averages.update();
            Parameter bias = block.getParameters().get("03Linear_bias");
            ArrayBlock.set(bias, 1, 2, 3);
            ArrayBlock.set(block.getParameters().get("01Linear_bias"), 8, 8, 8);
            float[] first = Weights.values(average, "01Linear_bias");
            averages.update();
            assertArrayEquals(new float[] {1, 2, 3}, Weights.values(average, "03Linear_bias"));
            assertEquals((first[0] + 8) / 2, Weights.values(average, "01Linear_bias")[0]);
        }
    }

    @Test
    void layerSharedLater_isAveragedOnce() {
        try (WeightAverages averages =
                WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            averages.update();
            block.add(block.getChildren().valueAt(0));
            Parameter bias = block.getParameters().get("03Linear_bias");
            ArrayBlock.set(bias, 0, 0, 0);
            averages.update();
            ArrayBlock.set(bias, 8, 8, 8);
            float before = Weights.values(average, "01Linear_bias")[0];
            averages.update();
            assertEquals(4, average.arrays().size());
            assertEquals((before + 8) / 2, Weights.values(average, "01Linear_bias")[0]);
        }
    }

    /** An average without its parameter is none of the sum; a later one is of the next. */
    @Test
    void blend_ofAChangedModel() {
        try (WeightAverages averages = WeightAverages.of(model, config(Arithmetic.LERP))) {
            step(averages, 1);
            block.removeLastBlock();
            averages.update();
            try (ModelWeights sum = averages.blend(Map.of("slow", 0.5, "fast", 0.5))) {
                assertEquals(2, sum.arrays().size());
            }
        }
    }

    /** Weights that are loaded anew continue as if they had been set in place. */
    @ParameterizedTest
    @EnumSource
    void load_continuesBitForBit(Arithmetic arithmetic) throws Exception {
        move(9);
        model.save(directory, "checkpoint");
        move(0);
        Map<String, ByteBuffer> expected;
        try (WeightAverages averages = WeightAverages.of(model, config(arithmetic))) {
            step(averages, 1);
            step(averages, 9);
            step(averages, 2);
            expected = of(averages, "");
        }
        move(0);
        try (WeightAverages averages = WeightAverages.of(model, config(arithmetic))) {
            step(averages, 1);
            Map<String, ByteBuffer> online = Weights.online(model);
            model.load(directory, "checkpoint");
            assertNotEquals(online, Weights.online(model));
            averages.update();
            step(averages, 2);
            assertEquals(expected, of(averages, ""));
            assertEquals(1, run(averages));
        }
    }

    /** Frozen, moved and set free in the middle: copied meanwhile, averaged from there. */
    @ParameterizedTest
    @EnumSource
    void freezing_copiesMeanwhile(Arithmetic arithmetic) {
        Parameter bias = block.getParameters().get("02Linear_bias");
        ArrayBlock.set(bias, 0, 0, 0);
        try (WeightAverages averages = WeightAverages.of(model, config(arithmetic))) {
            ArrayBlock.set(bias, 8, 8, 8);
            averages.update();
            assertEquals(2, Weights.values(averages.main(), "02Linear_bias")[0]);
            bias.freeze(true);
            averages.update();
            assertEquals(8, Weights.values(averages.main(), "02Linear_bias")[0]);
            assertEquals(8, Weights.values(averages.get("fast"), "02Linear_bias")[0]);
            assertFalse(averages.main().arrays().isEmpty());
            ArrayBlock.set(bias, 12, 12, 12);
            bias.freeze(false);
            averages.update();
            assertEquals(9, Weights.values(averages.main(), "02Linear_bias")[0]);
            assertEquals(10, Weights.values(averages.get("fast"), "02Linear_bias")[0]);
        }
    }
}
