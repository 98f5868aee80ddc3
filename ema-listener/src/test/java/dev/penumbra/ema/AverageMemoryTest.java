// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.nn.core.Linear;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import dev.penumbra.ema.merge.ModelSoup;
import dev.penumbra.ema.posthoc.LatestWeightAveraging;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.LayerwiseGradient;
import dev.penumbra.ema.statistics.RunningStatistics;
import dev.penumbra.ema.target.SoftUpdate;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.weights.ModelWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The memory that averages take does not grow with the number of calls. */
@EnabledOnOs(OS.LINUX)
final class AverageMemoryTest {

    private static final EmaConfig CONFIG = EmaConfig.of(new ConstantDecay(0.5));

    @Test
    void updates() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            assertFlat(model, 5000, averages::update);
        }
    }

    @Test
    void updates_thatBuildListsAnew() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            Parameter bias = model.getBlock().getParameters().get("05Linear_bias");
            assertFlat(
                    model,
                    5000,
                    () -> {
                        bias.freeze(bias.requiresGradient());
                        averages.update();
                    });
        }
    }

    @Test
    void swaps() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            averages.update();
            assertFlat(model, 2000, () -> average.swapIn().close());
        }
    }

    @Test
    void forwards() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            averages.update();
            assertFlat(
                    model,
                    2000,
                    () -> {
                        try (NDManager scope = model.getNDManager().newSubManager()) {
                            average.forward(new NDList(Weights.images(scope, 4)));
                        }
                    });
        }
    }

    /** Some of the passes end with an exception. */
    @Test
    void recomputations() {
        try (Model model = Weights.initialized();
                ModelWeights weights = ModelWeights.copyOf(model)) {
            NDList images = new NDList(Weights.images(model.getNDManager(), 4));
            assertFlat(
                    model,
                    1000,
                    () -> {
                        RunningStatistics.recompute(weights, List.of(images, images));
                        assertThrows(
                                IllegalArgumentException.class,
                                () ->
                                        RunningStatistics.recompute(
                                                weights, List.of(images, new NDList())));
                    });
        }
    }

    @Test
    void penalties() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            assertFlat(
                    model,
                    1000,
                    () -> {
                        try (NDManager scope = model.getNDManager().newSubManager();
                                GradientCollector collector =
                                        Engine.getInstance().newGradientCollector()) {
                            NDArray penalty = average.penalty(1);
                            penalty.attach(scope);
                            collector.backward(penalty);
                        }
                    });
        }
    }

    @Test
    void softUpdates() {
        try (Model model = Weights.initialized();
                Model online = Weights.initialized();
                SoftUpdate update = SoftUpdate.of(model.getBlock(), online.getBlock())) {
            assertFlat(
                    model,
                    2000,
                    () -> {
                        update.update(0.5);
                        SoftUpdate.of(model.getBlock(), online.getBlock()).close();
                    });
        }
    }

    @Test
    void latestSnapshots() {
        try (Model model = Weights.initialized();
                LatestWeightAveraging latest = new LatestWeightAveraging(2, 1)) {
            latest.take(model);
            latest.take(model);
            assertFlat(
                    model,
                    1000,
                    () -> {
                        latest.take(model);
                        latest.weights().close();
                    });
        }
    }

    @Test
    void checkpoints(@TempDir Path directory) throws IOException {
        try (Model model = Weights.initialized();
                ModelWeights weights = ModelWeights.copyOf(model)) {
            Path file = weights.save(directory, "model");
            assertFlat(model, 500, () -> read(model, file));
        }
    }

    private static void read(Model model, Path file) {
        try {
            ModelSoup.uniform(model, List.of(file)).close();
        } catch (IOException | MalformedModelException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void distances() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            assertFlat(model, 5000, average::distance);
        }
    }

    private static EmaConfig several(Arithmetic arithmetic) {
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("slow", new ConstantDecay(0.9));
        rules.put("resting", new ConstantDecay(0.5).every(2));
        rules.put("mean", new ArithmeticMean());
        return EmaConfig.of(rules).toBuilder()
                .optGroup("bias", new ConstantDecay(0.5))
                .build()
                .toBuilder()
                .optArithmetic(arithmetic)
                .build();
    }

    @ParameterizedTest
    @EnumSource
    void updates_ofSeveralAverages(Arithmetic arithmetic) {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, several(arithmetic))) {
            averages.update();
            assertFlat(model, 3000, averages::update);
        }
    }

    @Test
    void updates_ofSeveralAveragesThatBuildListsAnew() {
        EmaConfig config = several(Arithmetic.COMPENSATED);
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, config)) {
            Parameter bias = model.getBlock().getParameters().get("05Linear_bias");
            assertFlat(
                    model,
                    2000,
                    () -> {
                        bias.freeze(bias.requiresGradient());
                        averages.update();
                    });
        }
    }

    @Test
    void skippedSteps() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            ArrayBlock.set(
                    model.getBlock().getParameters().get("05Linear_bias"), 1, 2, Float.NaN, 4, 5);
            assertFlat(model, 5000, averages::update);
        }
    }

    @Test
    void stalledShares() {
        try (Model model = Weights.initialized();
                WeightAverages averages =
                        WeightAverages.of(
                                model,
                                CONFIG.toBuilder().optPrecision(Precision.FLOAT64).build())) {
            WeightAverage average = averages.main();
            averages.update();
            assertFlat(model, 3000, average::stalledShare);
        }
    }

    @Test
    void blends() {
        EmaConfig config = several(Arithmetic.LERP);
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, config)) {
            averages.update();
            averages.update();
            assertFlat(
                    model,
                    1000,
                    () -> averages.blend(Map.of("slow", 1.5, "resting", -0.5)).close());
        }
    }

    @Test
    void snapshots_ofAnAverage() {
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, CONFIG)) {
            WeightAverage average = averages.main();
            averages.update();
            assertFlat(
                    model,
                    2000,
                    () -> {
                        try (ModelWeights snapshot = average.snapshot()) {
                            snapshot.swapIn().close();
                        }
                    });
        }
    }

    @Test
    void observedGradients() {
        EmaConfig config = EmaConfig.of(new LayerwiseGradient(new ConstantDecay(0.9)));
        try (Model model = Weights.initialized();
                WeightAverages averages = WeightAverages.of(model, config);
                NDManager scope = model.getNDManager().newSubManager()) {
            try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
                NDList input = new NDList(Weights.images(scope, 4));
                ParameterStore store = new ParameterStore(scope, false);
                collector.backward(model.getBlock().forward(store, input, true).head().sum());
            }
            assertFlat(
                    model,
                    3000,
                    () -> {
                        averages.observeGradients();
                        averages.update();
                    });
        }
    }

    /** Nor does the model's manager hold more arrays after the calls. */
    private static void assertFlat(Model model, int calls, Runnable call) {
        call.run();
        int arrays = model.getNDManager().getManagedArrays().size();
        ResidentMemory.assertFlat(calls, call);
        assertEquals(arrays, model.getNDManager().getManagedArrays().size(), "arrays");
    }

    private static void average(boolean modelFirst) {
        // Weights that the engine makes itself; an array of Java's is freed by its collector.
        Model model = Model.newInstance("large", "PyTorch");
        model.setBlock(Linear.builder().setUnits(1).build());
        model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, 100_000));
        WeightAverages averages = WeightAverages.of(model, CONFIG);
        averages.update();
        if (modelFirst) {
            model.close();
        }
        averages.close();
        model.close();
    }

    /** Whoever is closed first, nothing stays. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void close_freesTheArrays(boolean modelFirst) {
        ResidentMemory.assertFlat(20, () -> average(modelFirst));
    }
}
