// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.metric.Metrics;
import ai.djl.metric.Unit;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.listener.TrainingListener;
import ai.djl.training.loss.Loss;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.torch.SafeL2Loss;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class EmaTrainingListenerTest {

    private Model model;

    @BeforeEach
    void setUp() {
        model = TestModels.convolutional(true);
    }

    @AfterEach
    void tearDown() {
        model.close();
    }

    private Trainer trainer(TrainingListener... listeners) {
        Trainer trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                .addEvaluator(new Accuracy())
                                .addTrainingListeners(listeners));
        trainer.initialize(new Shape(1, 3, 8, 8));
        return trainer;
    }

    private static ArrayDataset data(Trainer trainer) {
        return TestModels.images(trainer.getManager(), 32, 4);
    }

    private static EmaTrainingListenerBuilder warmup() {
        return EmaTrainingListener.builder().setSchedule(Decays.inversePower(0.999));
    }

    @Test
    void evaluate_equalsEvaluationWithTheAverageSwappedIn() throws Exception {
        try (EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                Trainer trainer = trainer(ema)) {
            EasyTrain.fit(trainer, 1, data(trainer), null);
            Map<String, Float> averaged = ema.evaluate(trainer, data(trainer));
            float[] sums = new float[2];
            try (SwapScope scope = ema.average().swapIn()) {
                for (Batch batch : trainer.iterateDataset(data(trainer))) {
                    NDList output = trainer.evaluate(batch.getData());
                    sums[0] += trainer.getLoss().evaluate(batch.getLabels(), output).getFloat();
                    sums[1] +=
                            new Accuracy()
                                    .evaluate(batch.getLabels(), output)
                                    .toType(DataType.FLOAT32, false)
                                    .mean()
                                    .getFloat();
                    batch.close();
                }
            }
            assertEquals(2, averaged.size());
            assertEquals(sums[0] / 8, value(averaged, "SoftmaxCrossEntropyLoss"), 1e-5);
            assertEquals(sums[1] / 32, value(averaged, "Accuracy"), 1e-5);
            assertEquals(averaged, ema.evaluate(trainer, data(trainer)));
        }
    }

    private static float value(Map<String, Float> values, String name) {
        return values.getOrDefault(name, Float.NaN);
    }

    @Test
    void metrics_getStepDecayAndDistance() throws Exception {
        Metrics metrics = new Metrics();
        try (EmaTrainingListener ema = warmup().optMetricsEvery(3).build();
                Trainer trainer = trainer(ema)) {
            trainer.setMetrics(metrics);
            EasyTrain.fit(trainer, 1, data(trainer), null);
            assertEquals(
                    java.util.List.of(3.0, 6.0, 8.0),
                    metrics.getMetric(EmaTrainingListener.STEP_METRIC).stream()
                            .map(metric -> metric.getValue())
                            .toList());
            assertEquals(
                    ema.average().decay(),
                    metrics.latestMetric(EmaTrainingListener.DECAY_METRIC).getValue());
            assertEquals(
                    ema.average().distance(),
                    metrics.latestMetric(EmaTrainingListener.DISTANCE_METRIC).getValue());
            assertEquals(8, metrics.getMetric("step").size());
        }
        assertTrue(metrics.hasMetric("forward"));
    }

    @Test
    void trainer_getsItsMetricsBack() throws Exception {
        Metrics metrics = new Metrics();
        EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
        Trainer trainer = trainer(ema);
        trainer.setMetrics(metrics);
        EasyTrain.fit(trainer, 1, data(trainer), null);
        assertEquals(8, ema.step());
        trainer.close();
        assertSame(metrics, trainer.getMetrics());
        assertEquals(1, ema.forward(new NDList(Weights.images(model.getNDManager(), 1))).size());
        ema.close();
    }

    @Test
    void trainerWithoutMetrics_getsNoneBack() throws Exception {
        EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
        Trainer trainer = trainer(ema);
        EasyTrain.fit(trainer, 1, data(trainer), null);
        trainer.close();
        assertNull(trainer.getMetrics());
        ema.close();
    }

    @Test
    void twoListeners_countTheSameSteps() throws Exception {
        try (EmaTrainingListener fast = EmaTrainingListener.ofDecay(0.5);
                EmaTrainingListener slow = EmaTrainingListener.ofDecay(0.9);
                Trainer trainer = trainer(fast, slow)) {
            EasyTrain.fit(trainer, 2, data(trainer), null);
            assertEquals(16, fast.step());
            assertEquals(16, slow.step());
            assertTrue(fast.average().distance() < slow.average().distance());
        }
    }

    @Test
    void secondTrainerOfTheModel_continuesTheAverage() throws Exception {
        try (EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9)) {
            for (int run = 1; run <= 2; run++) {
                try (Trainer trainer = trainer(ema)) {
                    EasyTrain.fit(trainer, 1, data(trainer), null);
                    assertEquals(8L * run, ema.step());
                }
            }
        }
    }

    @Test
    void manualUpdates_areTheOnlyOnes() throws Exception {
        try (EmaTrainingListener ema = warmup().optManualUpdates().build();
                Trainer trainer = trainer(ema)) {
            EasyTrain.fit(trainer, 1, data(trainer), null);
            assertEquals(0, ema.step());
            ema.update();
            assertEquals(1, ema.step());
            assertNull(trainer.getMetrics());
        }
    }

    @Test
    void averageOnAnExplicitDevice_isTheSame() throws Exception {
        try (EmaTrainingListener here = warmup().build();
                EmaTrainingListener there = warmup().optDevice(Device.cpu()).build();
                Trainer trainer = trainer(here, there)) {
            EasyTrain.fit(trainer, 1, data(trainer), null);
            here.average()
                    .arrays()
                    .forEach(
                            (name, array) ->
                                    assertArrayEquals(
                                            array.toFloatArray(),
                                            Weights.array(there.average(), name).toFloatArray(),
                                            name));
        }
    }

    @Test
    void stepMetrics_passEverythingOn() {
        Metrics metrics = new Metrics();
        try (EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
                Trainer trainer = trainer(ema)) {
            trainer.setMetrics(metrics);
            trainer.notifyListeners(listener -> listener.onEpoch(trainer));
            Metrics seen = trainer.getMetrics();
            seen.setLimit(10);
            seen.setOnLimit((full, name) -> {});
            seen.addMetric("a", 1.0, Unit.COUNT);
            seen.addMetric("a", 3.0);
            assertEquals(metrics.getMetric("a"), seen.getMetric("a"));
            assertEquals(metrics.getMetricNames(), seen.getMetricNames());
            assertTrue(seen.hasMetric("a"));
            assertEquals(3.0, seen.latestMetric("a").getValue());
            assertEquals(2.0, seen.mean("a"));
            assertEquals(3.0, seen.percentile("a", 50).getValue());
        }
    }

    @Test
    void order_isChecked() {
        EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9);
        assertRefused(
                "No trainer is open: add the listener to a TrainingConfig before newTrainer",
                ema::update);
        assertRefused(
                "The average has not started: train at least one step before using it",
                ema::average);
        try (Trainer trainer = trainer(ema)) {
            trainer.setMetrics(new Metrics());
            assertRefused(
                    "The average has no start: call start(trainer) before the first step",
                    ema::update);
            ema.start(trainer);
            assertRefused("The average has started already", () -> ema.start(trainer));
            assertRefused(
                    "The average has not been updated yet: train at least one step before using"
                            + " it",
                    () -> ema.evaluate(trainer, data(trainer)));
        }
        try (Model other = TestModels.convolutional(false)) {
            DefaultTrainingConfig config =
                    new DefaultTrainingConfig(new SafeL2Loss()).addTrainingListeners(ema);
            assertRefused(
                    "The listener averages another model: create one listener per model",
                    () -> other.newTrainer(config));
        }
        ema.close();
    }

    @Test
    void builder_rejectsWrongSettings() {
        EmaTrainingListenerBuilder builder = EmaTrainingListener.builder();
        assertEquals(
                "schedule must be set, got null",
                assertThrows(IllegalArgumentException.class, builder::build).getMessage());
        assertEquals(
                "metricsEvery must be at least 1, got 0",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> EmaTrainingListener.builder().optMetricsEvery(0))
                        .getMessage());
        assertEquals(
                "include must be regular expressions, got (",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> warmup().optInclude("(").optExclude("a").build())
                        .getMessage());
    }

    private static void assertRefused(
            String message, org.junit.jupiter.api.function.Executable call) {
        assertEquals(message, assertThrows(IllegalStateException.class, call).getMessage());
    }
}
