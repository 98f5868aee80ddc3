// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.Parameter;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.GradientAdaptive;
import dev.penumbra.ema.schedule.LayerwiseGradient;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.WeightSwap;
import dev.penumbra.testing.LogCapture;
import dev.penumbra.torch.SafeL2Loss;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Weights that are infinite or not a number never enter an average. */
final class NonFiniteTest {

    private static final int STEPS = 8;
    private static final float[] BAD = {
        Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY
    };

    static LongStream seeds() {
        return LongStream.rangeClosed(1, 100);
    }

    /** Training of two layers with a bad gradient at one step, after which the weights go back. */
    private static final class Run implements AutoCloseable {

        private final Random random;
        private final Model model = Model.newInstance("run", "PyTorch");
        private final EmaTrainingListener ema;
        private final Trainer trainer;
        private final Map<String, NDArray> before = new LinkedHashMap<>();

        Run(long seed, EmaConfig config) {
            random = new Random(seed);
            Engine.getInstance().setRandomSeed((int) seed);
            model.setBlock(
                    new SequentialBlock()
                            .add(Linear.builder().setUnits(5).build())
                            .add(Activation.tanhBlock())
                            .add(Linear.builder().setUnits(1).build()));
            ema = EmaTrainingListener.of(config);
            Optimizer sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(0.1f)).build();
            trainer =
                    model.newTrainer(
                            new DefaultTrainingConfig(new SafeL2Loss())
                                    .optOptimizer(sgd)
                                    .addTrainingListeners(ema));
            trainer.initialize(new Shape(1, 3));
            ema.start(trainer);
        }

        /** A step whose gradient is bad in one place if a value is given. */
        void step(@Nullable Float bad) {
            try (NDManager scope = trainer.getManager().newSubManager()) {
                NDArray input = scope.create(floats(6), new Shape(2, 3));
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    NDList output = trainer.forward(new NDList(input));
                    NDList labels = new NDList(scope.create(floats(2), new Shape(2, 1)));
                    collector.backward(trainer.getLoss().evaluate(labels, output));
                }
                if (bad != null) {
                    spoil(bad);
                }
                ema.averages().observeGradients();
                trainer.step();
            }
        }

        private float[] floats(int size) {
            float[] values = new float[size];
            for (int i = 0; i < size; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return values;
        }

        private void spoil(float bad) {
            Parameter parameter = model.getBlock().getParameters().valueAt(random.nextInt(4));
            try (NDArray gradient = parameter.getArray().getGradient()) {
                float[] values = gradient.toFloatArray();
                values[random.nextInt(values.length)] = bad;
                try (NDArray spoiled = gradient.getManager().create(values, gradient.getShape())) {
                    WeightSwap.copy(List.of(gradient), List.of(spoiled));
                }
            }
        }

        void keep() {
            model.getBlock()
                    .getParameters()
                    .forEach(p -> before.put(p.getKey(), p.getValue().getArray().duplicate()));
        }

        void putBack() {
            before.forEach(
                    (name, array) ->
                            ArrayBlock.set(model.getBlock().getParameters().get(name), array));
        }

        @Override
        public void close() {
            trainer.close();
            ema.close();
            model.close();
        }
    }

    private static Map<String, float[]> values(WeightAverage average) {
        Map<String, float[]> values = new LinkedHashMap<>();
        average.arrays().forEach((name, array) -> values.put(name, array.toFloatArray()));
        return values;
    }

    /** Every average after a good step follows from the one before by the recurrence. */
    private static void assertMoved(
            Map<String, float[]> before, WeightAverage average, Model model, double decay) {
        Map<String, float[]> after = values(average);
        before.forEach(
                (name, from) -> {
                    float[] online =
                            model.getBlock().getParameters().get(name).getArray().toFloatArray();
                    float[] actual = Objects.requireNonNull(after.get(name));
                    for (int i = 0; i < actual.length; i++) {
                        double plain = step(from[i], online[i], 1 - decay, false);
                        double fused = step(from[i], online[i], 1 - decay, true);
                        assertTrue(Float.isFinite(actual[i]));
                        assertEquals(actual[i] == (float) fused ? fused : plain, actual[i], name);
                    }
                });
    }

    private static double step(float average, float online, double weight, boolean fused) {
        return Recurrence.step(Arithmetic.LERP, DataType.FLOAT32, average, online, weight, fused);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void badStep_isLeftOut(long seed) {
        Random random = new Random(seed);
        int badStep = random.nextInt(STEPS);
        float bad = BAD[random.nextInt(BAD.length)];
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        rules.put("slow", new ConstantDecay(0.9));
        rules.put("fast", new ConstantDecay(0.25));
        try (Run run = new Run(seed, EmaConfig.of(rules));
                LogCapture log = LogCapture.of(WeightAverages.class)) {
            WeightAverages averages = run.ema.averages();
            for (int i = 0; i < STEPS; i++) {
                Map<String, float[]> slow = values(averages.get("slow"));
                Map<String, float[]> fast = values(averages.get("fast"));
                if (i == badStep) {
                    Map<String, ByteBuffer> start = Weights.averaged(averages.get("slow"));
                    Map<String, ByteBuffer> second = Weights.averaged(averages.get("fast"));
                    run.keep();
                    run.step(bad);
                    assertFalse(isFinite(run.model));
                    run.putBack();
                    assertEquals(start, Weights.averaged(averages.get("slow")));
                    assertEquals(second, Weights.averaged(averages.get("fast")));
                } else {
                    run.step(null);
                    assertMoved(slow, averages.get("slow"), run.model, 0.9);
                    assertMoved(fast, averages.get("fast"), run.model, 0.25);
                }
                assertEquals(i + 1, averages.step());
                assertEquals(i < badStep ? 0 : 1, averages.skippedSteps());
            }
            assertEquals(1, log.messages().size());
        }
    }

    private static boolean isFinite(Model model) {
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            for (float value : parameter.getArray().toFloatArray()) {
                if (!Float.isFinite(value)) {
                    return false;
                }
            }
        }
        return true;
    }

    private static EmaConfig config(NonFinite policy) {
        return EmaConfig.of(new ConstantDecay(0.5)).toBuilder().optNonFinite(policy).build();
    }

    @Test
    void skip_countsAllAndWarnsOnce() {
        try (Model model = ArrayBlock.model();
                LogCapture log = LogCapture.of(WeightAverages.class)) {
            ArrayBlock.weight(model, "fine", 0);
            Parameter weight = ArrayBlock.weight(model, "weight", 0);
            try (WeightAverages averages = WeightAverages.of(model, config(NonFinite.SKIP))) {
                averages.update();
                for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, Float.NaN}) {
                    ArrayBlock.set(weight, bad);
                    averages.update();
                }
                assertEquals(3, averages.skippedSteps());
                assertEquals(4, averages.step());
                ArrayBlock.set(weight, 8);
                averages.update();
                assertEquals(4, Weights.array(averages.main(), "weight").getFloat());
            }
            assertEquals(
                    List.of(
                            LogCapture.warning(
                                    "'weight' must be finite, got an infinite value or NaN after"
                                            + " step 2: the averages skip such steps")),
                    log.messages());
        }
    }

    @Test
    void fail_throwsAndLeavesEverything() {
        try (Model model = ArrayBlock.model()) {
            Parameter first = ArrayBlock.weight(model, "first", 0);
            Parameter weight = ArrayBlock.weight(model, "weight", 0);
            try (WeightAverages averages = WeightAverages.of(model, config(NonFinite.FAIL))) {
                ArrayBlock.set(first, 8);
                averages.update();
                Map<String, ByteBuffer> before = Weights.averaged(averages.main());
                ArrayBlock.set(weight, Float.NaN);
                for (int i = 0; i < 2; i++) {
                    ArithmeticException failure =
                            assertThrows(ArithmeticException.class, averages::update);
                    assertEquals(
                            "'weight' must be finite, got an infinite value or NaN after step 2",
                            failure.getMessage());
                    assertEquals(before, Weights.averaged(averages.main()));
                    assertEquals(1, averages.step());
                    assertEquals(0, averages.skippedSteps());
                    assertEquals(0.5, averages.main().decay());
                }
                ArrayBlock.set(weight, 8);
                averages.update();
                assertEquals(2, averages.step());
                assertEquals(6, Weights.array(averages.main(), "first").getFloat());
                assertEquals(4, Weights.array(averages.main(), "weight").getFloat());
            }
        }
    }

    /** The exception comes out of the trainer's step. */
    @Test
    void fail_throughATrainer() {
        try (Run run = new Run(3, config(NonFinite.FAIL))) {
            run.step(null);
            Map<String, ByteBuffer> before = Weights.averaged(run.ema.average());
            run.keep();
            assertThrows(ArithmeticException.class, () -> run.step(Float.NaN));
            run.putBack();
            assertEquals(before, Weights.averaged(run.ema.average()));
            run.step(null);
            assertEquals(2, run.ema.step());
        }
    }

    @ParameterizedTest
    @EnumSource
    void off_letsItIn(Arithmetic arithmetic) {
        try (Model model = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(model, "weight", 1, 2);
            EmaConfig config = config(NonFinite.OFF).toBuilder().optArithmetic(arithmetic).build();
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                ArrayBlock.set(weight, Float.NaN, 4);
                averages.update();
                ArrayBlock.set(weight, 1, 4);
                averages.update();
                assertArrayEquals(
                        new float[] {Float.NaN, 3.5f}, Weights.values(averages.main(), "weight"));
                assertEquals(0, averages.skippedSteps());
            }
        }
    }

    /** Trained weights that the filters leave out, and statistics, averaged or copied. */
    @ParameterizedTest
    @EnumSource(
            value = Treatment.class,
            names = {"AVERAGE", "COPY"})
    void everythingThatTrainingChanges_isGuarded(Treatment treatment) {
        for (Parameter.Type type :
                List.of(
                        Parameter.Type.RUNNING_MEAN,
                        Parameter.Type.RUNNING_VAR,
                        Parameter.Type.WEIGHT)) {
            try (Model model = ArrayBlock.model()) {
                Parameter weight = ArrayBlock.weight(model, "weight", 0);
                NDArray start = model.getNDManager().zeros(new Shape(2));
                boolean trained = type == Parameter.Type.WEIGHT;
                Parameter other = ArrayBlock.add(model, "other", type, start, trained);
                EmaConfig config =
                        config(NonFinite.SKIP).toBuilder()
                                .optTreatments(Treatments.ofStatistics(treatment))
                                .build()
                                .toBuilder()
                                .optExclude(
                                        (trained ? List.of("other") : List.of())
                                                .toArray(String[]::new))
                                .build();
                try (WeightAverages averages = WeightAverages.of(model, config)) {
                    ArrayBlock.set(weight, 8);
                    ArrayBlock.set(other, 1, Float.NaN);
                    averages.update();
                    assertEquals(1, averages.skippedSteps(), type.toString());
                    assertEquals(0, Weights.array(averages.main(), "weight").getFloat());
                    assertArrayEquals(new float[] {0, 0}, Weights.values(averages.main(), "other"));
                }
            }
        }
    }

    /** Constants move no average; those that are averaged are guarded. */
    @Test
    void infiniteConstants_areNoError() {
        try (Model model = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(model, "weight", 0);
            float infinite = Float.NEGATIVE_INFINITY;
            NDArray values = model.getNDManager().create(new float[] {0, infinite}).duplicate();
            ArrayBlock.add(model, "mask", Parameter.Type.OTHER, values, false);
            Parameter frozen =
                    ArrayBlock.add(
                            model, "frozen", Parameter.Type.WEIGHT, values.duplicate(), true);
            frozen.freeze(true);
            try (WeightAverages averages = WeightAverages.of(model, config(NonFinite.SKIP))) {
                ArrayBlock.set(weight, 8);
                averages.update();
                assertEquals(4, Weights.array(averages.main(), "weight").getFloat());
                assertArrayEquals(
                        new float[] {0, infinite}, Weights.values(averages.main(), "mask"));
                frozen.freeze(false);
                averages.update();
                assertEquals(1, averages.skippedSteps());
            }
        }
    }

    /** A resting average is not looked at, and no step is skipped for it. */
    @Test
    void stepWithoutAMove_isNotLookedAt() {
        try (Model model = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(model, "weight", 0);
            EmaConfig config = EmaConfig.of(new ConstantDecay(0.5).every(2));
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                ArrayBlock.set(weight, Float.NaN);
                averages.update();
                assertEquals(0, averages.skippedSteps());
                averages.update();
                assertEquals(1, averages.skippedSteps());
            }
        }
    }

    /** Values whose sum overflows are finite all the same. */
    @Test
    void largeWeights_areAveraged() {
        try (Model model = ArrayBlock.model()) {
            Parameter weight = ArrayBlock.weight(model, "weight", 3e38f, 3e38f, 3e38f);
            NDArray halves =
                    model.getNDManager().full(new Shape(64), 60_000).toType(DataType.FLOAT16, true);
            ArrayBlock.add(model, "halves", Parameter.Type.WEIGHT, halves, true);
            try (WeightAverages averages = WeightAverages.of(model, config(NonFinite.FAIL))) {
                ArrayBlock.set(weight, 1e38f, 1e38f, 1e38f);
                averages.update();
                float ulp = Math.ulp(2e38f);
                assertEquals(2e38f, Weights.values(averages.main(), "weight")[2], ulp);
            }
        }
    }

    static Stream<AveragingRule> gradientRules() {
        return Stream.of(new GradientAdaptive(0.5), new LayerwiseGradient(new ConstantDecay(0.5)));
    }

    /** Whatever the policy for weights is: no decay follows from such a norm. */
    @ParameterizedTest
    @MethodSource("gradientRules")
    void badGradient_skipsTheStep(AveragingRule rule) {
        for (NonFinite policy : NonFinite.values()) {
            try (Run run = new Run(5, EmaConfig.of(rule).toBuilder().optNonFinite(policy).build());
                    LogCapture log = LogCapture.of(WeightAverages.class)) {
                run.step(null);
                Map<String, ByteBuffer> before = Weights.averaged(run.ema.average());
                run.keep();
                if (policy == NonFinite.FAIL) {
                    ArithmeticException failure =
                            assertThrows(ArithmeticException.class, () -> run.step(Float.NaN));
                    assertEquals(
                            "'gradients' must be finite, got an infinite value or NaN after step"
                                    + " 2",
                            failure.getMessage());
                } else {
                    run.step(Float.NaN);
                    assertEquals(1, run.ema.averages().skippedSteps());
                    assertEquals(1, log.messages().size());
                }
                run.putBack();
                assertEquals(before, Weights.averaged(run.ema.average()));
                run.step(null);
                assertTrue(isFinite(run.model));
                assertFalse(before.equals(Weights.averaged(run.ema.average())));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void gradientRule_movesByTheNorm(long seed) {
        try (Run run = new Run(seed, EmaConfig.of(new GradientAdaptive(0.5)))) {
            WeightAverage average = run.ema.average();
            for (int i = 0; i < STEPS; i++) {
                Map<String, float[]> before = values(average);
                run.step(null);
                assertTrue(average.decay() > 0.5 && average.decay() < 1);
                assertMoved(before, average, run.model, average.decay());
            }
        }
    }
}
