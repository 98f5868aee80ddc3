// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
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
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import dev.penumbra.testing.LogCapture;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.MlpVae;
import dev.penumbra.vae.MlpVaeConfig;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.RampShape;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The loss as programs use it: loops of their own, data without labels, wrong ranges, resuming. */
final class VaeLossUseTest {

    private static final int STEPS = 6;

    private final NDManager manager = NDManager.newBaseManager("PyTorch");

    @AfterEach
    void close() {
        manager.close();
    }

    private static VaeLossBuilder rising() {
        return VaeLoss.pytorchVae().setSchedule(KlAnnealing.monotone(1, 4, RampShape.LINEAR));
    }

    private static Model model() {
        Model model = Model.newInstance("vae", "PyTorch");
        model.setBlock(
                new MlpVae(
                        new MlpVaeConfig(
                                List.of(4L), List.of(8), 2, MlpVaeConfig.Activation.TANH)));
        return model;
    }

    private static Trainer trainer(Model model, Loss loss, StepCountedBy counted) {
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(loss)
                        .optOptimizer(
                                Optimizer.adam()
                                        .optLearningRateTracker(Tracker.fixed(1e-3f))
                                        .build());
        counted.add(config);
        Trainer trainer = model.newTrainer(config);
        trainer.initialize(new Shape(2, 4));
        return trainer;
    }

    private interface StepCountedBy {
        void add(DefaultTrainingConfig config);
    }

    private NDArray images(int count) {
        return manager.randomUniform(0, 1, new Shape(count, 4));
    }

    private static void step(Trainer trainer, VaeLoss loss, NDList images, int accumulated) {
        try (GradientCollector collector = trainer.newGradientCollector()) {
            for (int i = 0; i < accumulated; i++) {
                collector.backward(loss.evaluate(images, trainer.forward(images)));
            }
        }
        trainer.step();
    }

    @Test
    void ownLoop_knowsTheStep() {
        VaeLoss loss = rising().build();
        NDList images = new NDList(images(2));
        try (Model model = model();
                Trainer trainer = trainer(model, loss, c -> c.addTrainingListeners(loss.steps()))) {
            for (int i = 0; i < STEPS; i++) {
                step(trainer, loss, images, 1 + i % 2);
                assertEquals(i, loss.latest().step());
                assertEquals(Math.min(1, i / 4.0), loss.latest().klWeight());
            }
        }
        assertEquals(STEPS, loss.steps().getAsLong());
        try (Model model = model();
                Trainer trainer = trainer(model, loss, c -> {})) {
            assertEquals(
                    "The loss does not know the step: add steps() to the training's listeners",
                    assertThrows(IllegalStateException.class, () -> step(trainer, loss, images, 1))
                            .getMessage());
        }
    }

    /** One takes steps while another is open that takes none, and is closed. */
    @Test
    void twoTrainers_countEachStepOnce() {
        VaeLoss loss = rising().build();
        NDList images = new NDList(images(2));
        try (Model model = model();
                Trainer trainer = trainer(model, loss, c -> c.addTrainingListeners(loss.steps()))) {
            Trainer other = trainer(model, loss, c -> c.addTrainingListeners(loss.steps()));
            step(trainer, loss, images, 1);
            step(other, loss, images, 1);
            other.close();
            step(trainer, loss, images, 1);
            assertEquals(3, loss.steps().getAsLong());
        }
    }

    @Test
    void labels_mustBeTheImages() {
        NDArray images = images(4);
        VaeLoss loss = rising().build();
        ArrayDataset.Builder data =
                new ArrayDataset.Builder().setData(images).setSampling(2, false);
        ArrayDataset none = data.build();
        ArrayDataset classes = data.optLabels(manager.zeros(new Shape(4))).build();
        String rule = "labels must be the images, of shape (2, 4), got ";
        String remedy = ": ImagesAsLabels makes images their own labels";
        try (Model model = model();
                Trainer trainer = trainer(model, loss, c -> c.addTrainingListeners(loss.steps()))) {
            assertRejected(rule + "none" + remedy, () -> EasyTrain.fit(trainer, 1, none, null));
            assertRejected(rule + "[(2)]" + remedy, () -> EasyTrain.fit(trainer, 1, classes, null));
        }
    }

    @Test
    void imagesAsLabels_areTheImages() throws Exception {
        NDArray images = images(4);
        NDArray classes = manager.zeros(new Shape(4));
        ArrayDataset.Builder data =
                new ArrayDataset.Builder().setData(images).setSampling(2, false);
        for (ArrayDataset own : List.of(data.build(), data.optLabels(classes).build())) {
            VaeLoss loss = rising().build();
            ImagesAsLabels dataset = ImagesAsLabels.of(own);
            int batches = 0;
            for (Batch batch : dataset.getData(manager)) {
                try (batch) {
                    assertEquals(1, batch.getLabels().size());
                    assertArrayEquals(
                            batch.getData().head().toFloatArray(),
                            batch.getLabels().head().toFloatArray());
                    batches++;
                }
            }
            assertEquals(2, batches);
            try (Model model = model();
                    Trainer trainer =
                            trainer(model, loss, c -> c.addTrainingListeners(loss.steps()))) {
                EasyTrain.fit(trainer, 2, dataset, dataset);
                assertEquals(4, loss.steps().getAsLong());
            }
        }
    }

    @Test
    void bernoulli_refusesImagesBeyondItsRange() {
        VaeLoss loss =
                VaeLoss.pythae().setReconstruction(new ReconstructionTerm.Bernoulli()).build();
        NDArray moments = manager.zeros(new Shape(1, 2));
        NDArray logits = manager.zeros(new Shape(1, 2));
        NDList predictions = new NDList(logits, moments);
        String rule =
                "images must be in [0, 1] for the reconstruction term Bernoulli, got values from ";
        NDArray low = manager.create(new float[] {-0.5f, 1}, new Shape(1, 2));
        assertRejected(rule + "-0.5 to 1", () -> loss.evaluate(new NDList(low), predictions));
        NDArray high = manager.create(new float[] {0, 255}, new Shape(1, 2));
        assertRejected(rule + "0 to 255", () -> loss.evaluate(new NDList(high), predictions));
        NDArray fit = manager.create(new float[] {0, 1}, new Shape(1, 2));
        assertEquals(2 * Math.log(2), loss.evaluate(new NDList(fit), predictions).getFloat(), 1e-6);
    }

    @Test
    void bernoulli_tellsOfProbabilities() {
        NDArray moments = manager.zeros(new Shape(1, 2));
        NDArray images = manager.ones(new Shape(1, 2));
        try (LogCapture log = LogCapture.of(ImageRange.class)) {
            for (float least : new float[] {0.25f, -0.25f}) {
                VaeLoss loss =
                        VaeLoss.pythae()
                                .setReconstruction(new ReconstructionTerm.Bernoulli())
                                .build();
                NDArray output = manager.create(new float[] {least, 1}, new Shape(1, 2));
                for (int i = 0; i < 50; i++) {
                    loss.evaluate(new NDList(images), new NDList(output, moments)).close();
                }
            }
            assertEquals(
                    List.of(
                            "WARN The first 20 reconstructions were all in [0, 1], but the"
                                    + " reconstruction term Bernoulli takes logits: leave out the"
                                    + " decoder's sigmoid"),
                    log.messages());
        }
    }

    /** In plain Java: the derivative by the log-variance beyond the limit is -1/2. */
    @Test
    void limitedVariance_goesOnToPushOutward() {
        double[] logVars = {-3, 0, 2, Math.log(10) + 0.5, 12};
        NDArray mean = manager.create(new double[] {0.5, 0, 1, 0, 2}, new Shape(1, 5));
        NDArray logVar = manager.create(logVars, new Shape(1, 5));
        logVar.setRequiresGradient(true);
        double expected = 0;
        for (int i = 0; i < logVars.length; i++) {
            double mu = mean.toDoubleArray()[i];
            double variance = Math.min(Math.exp(logVars[i]), 10);
            expected += 0.5 * (mu * mu + variance - 1 - logVars[i]);
        }
        KlTerm term = new KlTerm.LimitedVariance(10);
        try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
            DiagonalGaussian posterior = DiagonalGaussian.of(mean, logVar, x -> x);
            NDArray value = term.value(posterior, 0, 1);
            assertEquals(expected, value.getDouble(), 1e-13);
            collector.backward(value);
        }
        double[] gradient = logVar.getGradient().toDoubleArray();
        for (int i = 0; i < logVars.length; i++) {
            double variance = Math.exp(logVars[i]);
            assertEquals(
                    variance > 10 ? -0.5 : 0.5 * (variance - 1), gradient[i], 1e-13, "place " + i);
        }
        assertRejected(
                "maxVariance must be finite and above 0, got 0.0",
                () -> new KlTerm.LimitedVariance(0));
    }

    @Test
    void ownTerms_mustHaveTheirShapes() {
        NDArray images = images(2);
        NDList predictions = new NDList(images.mul(0.5f), manager.zeros(new Shape(2, 2)));
        /* A mean over everything would count as one element. */
        ReconstructionTerm mean = (labels, outputs) -> outputs.get(0).sub(labels).square().mean();
        VaeLoss loss = VaeLoss.pythae().setReconstruction(mean).build();
        String message =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> loss.evaluate(new NDList(images), predictions))
                        .getMessage();
        String rule =
                "a reconstruction term must return the cost of each element, of shape (2, 4), got"
                        + " () of ";
        assertTrue(String.valueOf(message).startsWith(rule), message);
        VaeLoss other = VaeLoss.pythae().setKl((q, step, weight) -> q.kl()).build();
        message =
                assertThrows(
                                IllegalArgumentException.class,
                                () -> other.evaluate(new NDList(images), predictions))
                        .getMessage();
        assertTrue(
                String.valueOf(message)
                        .startsWith("a KL term must return one number without axes, got (2) of "),
                message);
    }

    private record Values(Map<String, String> values) implements SavedState {

        @Override
        public Map<String, TensorInfo> tensors() {
            return Map.of();
        }

        @Override
        public void readInto(String name, NDArray target) {
            throw new AssertionError(name);
        }
    }

    /** A term of the program's own is known by its class. */
    private static final class Own implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            return predictions.get(0).sub(images).abs().square();
        }
    }

    @Test
    void restored_goesOnWithTheSameTerms() {
        VaeLoss loss = rising().setReconstruction(new Own()).build();
        loss.steps().set(41);
        Values saved = new Values(loss.state().values());
        VaeLoss same = rising().setReconstruction(new Own()).build();
        assertEquals(List.of(), same.differences(saved));
        same.restore(saved);
        assertEquals(41, same.steps().getAsLong());
        VaeLoss other = rising().build();
        List<String> differences = other.differences(saved);
        assertEquals(1, differences.size());
        assertTrue(differences.get(0).contains("VaeLossUseTest$Own"), differences.get(0));
        assertTrue(differences.get(0).contains("SquaredError[]"), differences.get(0));
    }
}
