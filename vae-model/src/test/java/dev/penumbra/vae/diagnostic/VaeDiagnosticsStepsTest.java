// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.vae.MlpVae;
import dev.penumbra.vae.MlpVaeConfig;
import dev.penumbra.vae.MlpVaeConfig.Activation;
import dev.penumbra.vae.diagnostic.DiagnosticsReport.Step;
import dev.penumbra.vae.loss.VaeLoss;
import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Which steps are counted, and which batches belong to them, in loops of several kinds. */
final class VaeDiagnosticsStepsTest {

    private static final int BATCHES = 6;

    private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    private final VaeLoss loss = VaeLoss.pythae().build();
    private final VaeDiagnostics diagnostics =
            new VaeDiagnostics(
                    DiagnosticsConfig.defaults(),
                    () -> new StepLosses(loss.latest().reconstruction(), loss.latest().kl()));
    private final Model model = Model.newInstance("diagnosed", "PyTorch");

    @AfterEach
    void close() {
        model.close();
        manager.close();
    }

    private Trainer trainer() {
        Engine.getEngine("PyTorch").setRandomSeed(3);
        model.setBlock(new MlpVae(new MlpVaeConfig(List.of(4L), List.of(8), 2, Activation.TANH)));
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(loss)
                        .optOptimizer(
                                Optimizer.sgd()
                                        .setLearningRateTracker(Tracker.fixed(0.01f))
                                        .build())
                        .optDevices(new Device[] {Device.cpu()})
                        .addTrainingListeners(diagnostics);
        Trainer trainer = model.newTrainer(config);
        trainer.initialize(new Shape(2, 4));
        return trainer;
    }

    /** Samples in batches of two, in order. */
    private ArrayDataset data() {
        float[] values = new float[BATCHES * 2 * 4];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i);
        }
        NDArray samples = manager.create(values, new Shape(BATCHES * 2, 4));
        return new ArrayDataset.Builder()
                .setData(samples)
                .optLabels(samples)
                .setSampling(2, false)
                .build();
    }

    private void backward(Trainer trainer, Batch batch) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            NDList predictions = trainer.forward(batch.getData());
            collector.backward(loss.evaluate(batch.getLabels(), predictions));
        }
    }

    /** The same training as by EasyTrain, which evaluates the loss in its own manner besides. */
    @Test
    void loopWithoutEvents_isSeenAsEasyTrainIs() throws IOException, TranslateException {
        try (Trainer trainer = trainer()) {
            EasyTrain.fit(trainer, 1, data(), data());
        }
        DiagnosticsReport expected = diagnostics.report();
        VaeDiagnostics first = diagnostics;
        assertEquals(BATCHES, expected.finished().losses().steps());
        VaeDiagnosticsStepsTest other = new VaeDiagnosticsStepsTest();
        try (Trainer trainer = other.trainer()) {
            for (Batch batch : trainer.iterateDataset(other.data())) {
                other.backward(trainer, batch);
                trainer.step();
                batch.close();
            }
        }
        assertEquals(first.report().finished(), other.diagnostics.endEpoch());
        assertEquals(expected.steps(), other.diagnostics.report().steps());
        other.close();
    }

    @Test
    void collectedGradients_areOneStepOfSeveralBatches() throws IOException, TranslateException {
        double kl = 0;
        try (Trainer trainer = trainer()) {
            int batches = 0;
            for (Batch batch : trainer.iterateDataset(data())) {
                backward(trainer, batch);
                kl += loss.latest().kl();
                batch.close();
                if (++batches % 3 == 0) {
                    trainer.step();
                }
            }
        }
        EpochReport epoch = diagnostics.endEpoch();
        assertEquals(2, epoch.losses().steps());
        assertEquals(2 * BATCHES, epoch.posterior().samples());
        assertEquals(kl / BATCHES, epoch.losses().kl(), 1e-12);
        List<Step> steps = diagnostics.report().steps();
        assertEquals(List.of(1L, 2L), steps.stream().map(Step::step).toList());
        // The loss is computed in float32.
        assertEquals(steps.get(0).losses().kl(), steps.get(0).kl(), 1e-5 * steps.get(0).kl());
    }

    @Test
    void evaluationWithoutGradients_isNoPartOfAStep() throws IOException, TranslateException {
        try (Trainer trainer = trainer()) {
            for (Batch batch : trainer.iterateDataset(data())) {
                NDList predictions = trainer.evaluate(batch.getData());
                loss.evaluate(batch.getLabels(), predictions);
                batch.close();
            }
        }
        EpochReport epoch = diagnostics.endEpoch();
        assertEquals(0, epoch.posterior().samples());
        assertEquals(0, epoch.losses().steps());
    }

    @Test
    void stepWithoutBatch_isRefused() throws IOException, TranslateException {
        try (Trainer trainer = trainer()) {
            for (Batch batch : trainer.iterateDataset(data())) {
                try (GradientCollector collector = trainer.newGradientCollector()) {
                    NDList predictions = trainer.forward(batch.getData());
                    collector.backward(predictions.get(0).sum());
                }
                batch.close();
            }
            IllegalStateException thrown = assertThrows(IllegalStateException.class, trainer::step);
            assertEquals(
                    "The diagnostics have seen no batch of step 1: evaluate the trainer's VaeLoss"
                            + " within its gradient collector, or report the batch to the listeners"
                            + " as EasyTrain does",
                    thrown.getMessage());
        }
        assertEquals(0, diagnostics.report().running().losses().steps());
    }

    @Test
    void batchesByHand_areRefusedWhileListening() {
        NDArray moments = manager.zeros(new Shape(2, 4));
        try (Trainer trainer = trainer()) {
            IllegalStateException thrown =
                    assertThrows(
                            IllegalStateException.class,
                            () -> diagnostics.observe(1, moments, new StepLosses(0, 0)));
            assertEquals(
                    "The diagnostics count the steps of a trainer: make others for batches that"
                            + " are handed over",
                    thrown.getMessage());
        }
        diagnostics.observe(1, moments, new StepLosses(0, 0));
        assertEquals(1, diagnostics.report().running().losses().steps());
    }

    @Test
    void closedTrainer_isNoLongerSeen() throws IOException, TranslateException {
        trainer().close();
        VaeDiagnostics next =
                new VaeDiagnostics(DiagnosticsConfig.defaults(), () -> new StepLosses(0, 0));
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(loss)
                        .optDevices(new Device[] {Device.cpu()})
                        .addTrainingListeners(next);
        try (Trainer trainer = model.newTrainer(config)) {
            for (Batch batch : trainer.iterateDataset(data())) {
                backward(trainer, batch);
                batch.close();
            }
        }
        assertEquals(2 * BATCHES, next.report().running().posterior().samples());
        assertEquals(0, diagnostics.report().running().posterior().samples());
    }
}
