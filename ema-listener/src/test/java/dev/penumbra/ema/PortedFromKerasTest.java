// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Model;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.ema.library.LibrarySchedules;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.torch.SafeL2Loss;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the tests of Keras' {@code use_ema}, of TensorFlow Addons' {@code MovingAverage} and {@code
 * SWA}, and of optax test. Tolerances are a few roundings of float32.
 */
final class PortedFromKerasTest {

    private static final float ROUNDING = 1e-6f;

    @TempDir private Path directory;

    /** Online weights and averages after one more step of size 1 or 0.1 in every weight. */
    private static void assertStep(
            SmallAverage average, float change, float[] averaged, float[] online) {
        assertArrayEquals(averaged, average.stepBy(change), ROUNDING);
        assertArrayEquals(online, average.online(), ROUNDING);
    }

    /**
     * Keras optimizer_test.test_ema, adam_test.test_ema and test_ema_overwrite_frequency: steps of
     * size 1, the average replaces the weights after the third.
     */
    @Test
    void average_replacesTheWeightsAtIntervals() {
        EmaConfig config =
                EmaConfig.of(LibrarySchedules.keras(0.9)).toBuilder()
                        .optWriteBack(LibrarySchedules.kerasOverwrites(3))
                        .build();
        try (SmallAverage average = new SmallAverage(config, 3, 4)) {
            assertStep(average, -1, new float[] {2, 3}, new float[] {2, 3});
            assertStep(average, -1, new float[] {1.9f, 2.9f}, new float[] {1, 2});
            assertStep(average, -1, new float[] {1.71f, 2.71f}, new float[] {1.71f, 2.71f});
            assertStep(average, -1, new float[] {1.61f, 2.61f}, new float[] {0.71f, 1.71f});
        }
    }

    /** Keras' average with two batches a step decays twice; here once, as in one large batch. */
    @Test
    void accumulatedSteps_decayOnce() {
        float[] expected = {9, 8.9f, 8.71f, 8.439f};
        try (SmallAverage average = new SmallAverage(LibrarySchedules.keras(0.9), 10)) {
            for (float value : expected) {
                assertArrayEquals(new float[] {value}, average.stepBy(-1), 10 * ROUNDING);
            }
        }
    }

    private static Trainer trainer(Model model, EmaTrainingListener ema, float learningRate) {
        Optimizer sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(learningRate)).build();
        return model.newTrainer(
                new DefaultTrainingConfig(new SafeL2Loss())
                        .optOptimizer(sgd)
                        .addTrainingListeners(ema));
    }

    /** Keras test_ema_with_model_fit: two epochs of one sample; the average ends in the model. */
    @Test
    void fit_averagesAndReplaces() throws Exception {
        try (Model model = Model.newInstance("fit", "PyTorch");
                EmaTrainingListener ema =
                        EmaTrainingListener.of(EmaConfig.of(LibrarySchedules.keras(0.9)))) {
            model.setBlock(Linear.builder().setUnits(2).optBias(false).build());
            model.getBlock().initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1, 1));
            ArrayBlock.set(model.getBlock().getParameters().valueAt(0), 1, 1);
            // DJL halves the squared error, and so the gradient.
            try (Trainer trainer = trainer(model, ema, 0.2f)) {
                NDManager manager = trainer.getManager();
                ArrayDataset data =
                        new ArrayDataset.Builder()
                                .setData(manager.ones(new Shape(1, 1)))
                                .optLabels(manager.zeros(new Shape(1, 2)))
                                .setSampling(1, false)
                                .build();
                EasyTrain.fit(trainer, 2, data, null);
            }
            float[] expected = {0.891f, 0.891f};
            assertArrayEquals(expected, Weights.values(ema.average(), "weight"), ROUNDING);
            ema.average().copyToModel();
            float[] weights = model.getBlock().getParameters().valueAt(0).getArray().toFloatArray();
            assertArrayEquals(expected, weights, ROUNDING);
        }
    }

    /**
     * Keras swap_ema_weights_test: the metric of the average is that of a model which has it, and
     * so is the saved model; training goes on as it would have.
     */
    @Test
    void validationOfTheAverage_equalsThatOfAModelThatHasIt() throws Exception {
        EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
        try (Model model = TestModels.convolutional(true);
                Model saved = TestModels.convolutional(true);
                Trainer trainer =
                        model.newTrainer(
                                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                        .addEvaluator(new Accuracy())
                                        .addTrainingListeners(ema))) {
            trainer.initialize(new Shape(1, 3, 8, 8));
            ArrayDataset data = TestModels.images(trainer.getManager(), 16, 4);
            EasyTrain.fit(trainer, 2, data, null);
            Map<String, Float> metrics = ema.evaluate(trainer, data);
            Map<String, ByteBuffer> averaged = Weights.averaged(ema.average());
            Map<String, ByteBuffer> online = Weights.online(model);
            ema.save(directory, "ema");
            saved.load(directory, "ema");
            assertEquals(averaged, Weights.online(saved));
            assertEquals(online, Weights.online(model));
            ema.average().copyToModel();
            assertEquals(averaged, Weights.online(model));
            try (ModelWeights copied = ModelWeights.copyOf(model)) {
                assertEquals(metrics, copied.evaluate(trainer, data));
            }
            assertNotEquals(online, Weights.online(model));
        }
    }

    /** Keras multi_optimizer_test: only one group is averaged; swapping shows that of it alone. */
    @Test
    void swap_changesTheAveragedGroupOnly() {
        try (Model model = Weights.initialized()) {
            EmaConfig config =
                    EmaConfig.of(new ConstantDecay(0.5)).toBuilder()
                            .optInclude("^05Linear")
                            .build();
            try (WeightAverages averages = WeightAverages.of(model, config)) {
                WeightAverage average = averages.main();
                Weights.move(model, 2);
                averages.update();
                Map<String, ByteBuffer> online = Weights.online(model);
                try (SwapScope scope = average.swapIn()) {
                    Weights.online(model)
                            .forEach(
                                    (name, bits) ->
                                            assertEquals(
                                                    !name.startsWith("05Linear"),
                                                    bits.equals(online.get(name)),
                                                    name));
                }
                assertEquals(online, Weights.online(model));
            }
        }
    }

    /** Keras evaluates zeros before training; here the average refuses. */
    @Test
    void beforeTraining_theAverageRefuses() {
        try (Model model = Weights.initialized();
                WeightAverages averages =
                        WeightAverages.of(model, EmaConfig.of(LibrarySchedules.keras(0.9)))) {
            WeightAverage average = averages.main();
            assertEquals(
                    "The average has not been updated yet: train at least one step before using it",
                    assertThrows(IllegalStateException.class, average::swapIn).getMessage());
        }
    }

    /** TFA MovingAverage test_run: steps of 0.2 at a decay of 0.5. */
    @Test
    void movingAverage_ofTwoSteps() {
        DecaySchedule schedule = LibrarySchedules.tensorflowAddons(0.5, 0, false);
        try (SmallAverage average = new SmallAverage(schedule, 1, 2)) {
            average.stepBy(-0.2f);
            assertStep(average, -0.2f, new float[] {0.75f, 1.75f}, new float[] {0.6f, 1.6f});
        }
    }

    /** TFA test_start_step: until the first counted step the average is the weights. */
    @Test
    void movingAverage_thatStartsLater() {
        DecaySchedule schedule = LibrarySchedules.tensorflowAddons(0.5, 1, false);
        try (SmallAverage average = new SmallAverage(schedule, 1, 2)) {
            assertStep(average, -0.1f, new float[] {0.9f, 1.9f}, new float[] {0.9f, 1.9f});
            assertStep(average, -0.1f, new float[] {0.85f, 1.85f}, new float[] {0.8f, 1.8f});
        }
    }

    /** TFA test_dynamic_decay. */
    @Test
    void movingAverage_ofDynamicDecay() {
        DecaySchedule schedule = LibrarySchedules.tensorflowAddons(0.5, 0, true);
        try (SmallAverage average = new SmallAverage(schedule, 1, 2)) {
            average.stepBy(-0.2f);
            assertStep(average, -0.2f, new float[] {0.64f, 1.64f}, new float[] {0.6f, 1.6f});
        }
    }

    /** TFA test_swap_weights, with values that its sums and differences lose. */
    @Test
    void swapTwice_losesNothing() {
        try (SmallAverage average = new SmallAverage(new ConstantDecay(0), 0, 0)) {
            average.step(1e-8f, 1);
            ArrayBlock.set(average.weight(), 1, 1e-8f);
            try (SwapScope scope = average.averages().main().swapIn()) {
                assertArrayEquals(new float[] {1e-8f, 1}, average.online());
            }
            assertArrayEquals(new float[] {1, 1e-8f}, average.online());
            assertArrayEquals(new float[] {1e-8f, 1}, average.average());
        }
    }

    /** TFA stochastic_weight_averaging_test: the mean of 0.9, 0.8 and 0.7. */
    @Test
    void stochasticWeightAverage_ofThreeSteps() {
        try (SmallAverage average = new SmallAverage(new ArithmeticMean(), 1, 2)) {
            average.stepBy(-0.1f);
            average.stepBy(-0.1f);
            assertStep(average, -0.1f, new float[] {0.8f, 1.8f}, new float[] {0.7f, 1.7f});
        }
    }

    /** optax incremental_update: half way from 2 to 1, and from 0.5 to 0.25. */
    @Test
    void incrementalUpdate() {
        try (SmallAverage average = new SmallAverage(new ConstantDecay(0.5), 2, 0.5f)) {
            assertArrayEquals(new float[] {1.5f, 0.375f}, average.step(1, 0.25f));
        }
    }

    /** optax periodic_update: the target takes the weights at every fifth step. */
    @Test
    void periodicUpdate() {
        DecaySchedule schedule = new ConstantDecay(0).everyUncompensated(new StepInterval(5));
        try (SmallAverage average = new SmallAverage(schedule, 0)) {
            for (int step = 1; step <= 12; step++) {
                float expected = step / 5 * 5;
                assertArrayEquals(new float[] {expected}, average.step(step));
            }
        }
    }

    /** optax ema with and without debias on 5 and 7. */
    @Test
    void ema_ofTwoValues() {
        try (SmallAverage biased = new SmallAverage(new ConstantDecay(0.9), 0);
                SmallAverage corrected = new SmallAverage(Decays.biasCorrected(0.9), 0)) {
            assertArrayEquals(new float[] {0.5f}, biased.step(5), ROUNDING);
            assertArrayEquals(new float[] {1.15f}, biased.step(7), ROUNDING);
            assertArrayEquals(new float[] {5}, corrected.step(5), ROUNDING);
            assertArrayEquals(new float[] {1.15f / 0.19f}, corrected.step(7), 5 * ROUNDING);
        }
    }

    /** optax lookahead_test: from 3 in steps of 1, half way back at every second. */
    @Test
    void lookahead_analytic() {
        try (SmallAverage average = new SmallAverage(EmaConfig.lookahead(2, 0.5), 3)) {
            float[] fast = {2, 2, 1, 1, 0, 0};
            float[] slow = {3, 2, 2, 1, 1, 0};
            for (int i = 0; i < fast.length; i++) {
                assertArrayEquals(new float[] {slow[i]}, average.stepBy(-1));
                assertArrayEquals(new float[] {fast[i]}, average.online());
            }
        }
    }

    /** optax lookahead's edge cases: synchronized at every step, and all the way. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 5})
    void lookahead_ofWeightOneChangesNothing(long period) {
        try (SmallAverage average = new SmallAverage(EmaConfig.lookahead(period, 1), 3)) {
            for (int step = 1; step <= 10; step++) {
                average.stepBy(-1);
                assertArrayEquals(new float[] {3 - step}, average.online());
                assertArrayEquals(new float[] {3 - step / period * period}, average.average());
            }
        }
    }

    @Test
    void lookahead_ofEveryStepHalvesIt() {
        try (SmallAverage average = new SmallAverage(EmaConfig.lookahead(1, 0.5), 3)) {
            for (int step = 1; step <= 4; step++) {
                average.stepBy(-1);
                assertArrayEquals(new float[] {3 - 0.5f * step}, average.online());
            }
        }
    }

    /** A slow weight that never moves would undo all training. */
    @Test
    void lookahead_ofWeightZeroIsRefused() {
        assertEquals(
                "alpha must be in (0, 1], got 0.0",
                assertThrows(IllegalArgumentException.class, () -> EmaConfig.lookahead(5, 0))
                        .getMessage());
    }
}
