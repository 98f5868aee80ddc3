// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.Gradients;
import dev.penumbra.vae.schedule.KlAnnealing;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Steps with plain gradient descent, whose changes are the gradients. */
final class AdversarialTrainingTest {

    private static final AutoencoderKLConfig SMALL =
            new AutoencoderKLConfig(
                    1, 1, 2, List.of(2, 4), 1, 2, Set.of(), true, true, OddSizes.REJECT);
    private static final Shape IMAGES = new Shape(3, 1, 16, 16);
    private static final double KL_WEIGHT = 0.01;

    private final NDManager manager = NDManager.newBaseManager();
    private final Model autoencoder = model("autoencoder");
    private final Model discriminator = model("discriminator");
    private final WithLastLayer block = new WithLastLayer(new AutoencoderKL(SMALL));
    private final Block judge = new PatchDiscriminator(1, 2, 2).block();
    private final VaeLoss loss =
            VaeLoss.builder()
                    .setReconstruction(new ReconstructionTerm.L1())
                    .setKl(new KlTerm.Plain())
                    .setReduction(Reduction.DIM_NORMALIZED)
                    .setSchedule(KlAnnealing.constant(KL_WEIGHT))
                    .build();

    private static Model model(String name) {
        return Model.newInstance(name);
    }

    @AfterEach
    void close() {
        autoencoder.close();
        discriminator.close();
        manager.close();
    }

    private static Trainer trainer(Model model, Block block, Loss loss, float rate) {
        model.setBlock(block);
        DefaultTrainingConfig config = new DefaultTrainingConfig(loss);
        config.optOptimizer(Optimizer.sgd().setLearningRateTracker(Tracker.fixed(rate)).build());
        if (loss instanceof VaeLoss own) {
            config.addTrainingListeners(own.steps());
        }
        Trainer trainer = model.newTrainer(config);
        trainer.initialize(IMAGES);
        return trainer;
    }

    private Trainer autoencoderTrainer(Block outer) {
        Engine.getInstance().setRandomSeed(8);
        return trainer(autoencoder, outer, loss, 1);
    }

    private Trainer discriminatorTrainer() {
        Trainer trainer = trainer(discriminator, judge, Loss.l2Loss(), 1);
        // Gradients of weights as small as the paper's are too small to be told from rounding.
        for (Parameter parameter : judge.getParameters().values()) {
            if (parameter.getShape().dimension() == 4) {
                parameter.getArray().stopGradient().muli(10);
            }
        }
        return trainer;
    }

    private Batch batch(NDArray images) {
        NDManager owner = images.getManager();
        NDList data = new NDList(images);
        return new Batch(owner, data, new NDList(images), 3, null, null, 0, 1);
    }

    private NDArray images() {
        return single(Gradients.normal(manager, 6, IMAGES.getShape()));
    }

    private static NDArray single(NDArray array) {
        return array.toType(DataType.FLOAT32, false);
    }

    private static double[] doubles(NDArray array) {
        return array.toType(DataType.FLOAT64, false).toDoubleArray();
    }

    private static Map<String, double[]> values(Block block) {
        Map<String, double[]> values = new LinkedHashMap<>();
        block.getParameters()
                .forEach(
                        pair -> {
                            if (pair.getValue().requiresGradient()) {
                                values.put(pair.getKey(), doubles(pair.getValue().getArray()));
                            }
                        });
        return values;
    }

    /** The gradients of a number, from a backward pass of its own through everything. */
    private Map<String, double[]> gradients(Block trained, Function<ParameterStore, NDArray> of) {
        Map<String, double[]> gradients = new LinkedHashMap<>();
        Engine.getInstance().setRandomSeed(9);
        for (Block each : List.of(block, judge)) {
            each.getParameters()
                    .values()
                    .forEach(
                            parameter -> {
                                if (parameter.requiresGradient()) {
                                    parameter.getArray().setRequiresGradient(true);
                                    parameter
                                            .getArray()
                                            .getGradient()
                                            .subi(parameter.getArray().getGradient().duplicate());
                                }
                            });
        }
        try (GradientCollector collector = Engine.getInstance().newGradientCollector()) {
            collector.backward(of.apply(new ParameterStore(manager, false)));
        }
        trained.getParameters()
                .forEach(
                        pair -> {
                            if (pair.getValue().requiresGradient()) {
                                NDArray gradient = pair.getValue().getArray().getGradient();
                                gradients.put(pair.getKey(), doubles(gradient));
                                gradient.subi(gradient.duplicate());
                            }
                        });
        return gradients;
    }

    private NDArray logits(ParameterStore store, NDArray images) {
        return judge.forward(store, new NDList(images), true).singletonOrThrow();
    }

    private static double norm(double[] values) {
        double squares = 0;
        for (double value : values) {
            squares += value * value;
        }
        return Math.sqrt(squares);
    }

    private static double[] of(Map<String, double[]> values, String name) {
        return Objects.requireNonNull(values.get(name), name);
    }

    private static String last(Map<String, double[]> gradients) {
        String last = "";
        for (String name : gradients.keySet()) {
            last = name.endsWith("conv_out_weight") && name.contains("decoder") ? name : last;
        }
        return last;
    }

    /** Every gradient is that of the whole loss, and none of it is anything else's. */
    @ParameterizedTest
    @CsvSource({"HINGE, true", "VANILLA, true", "HINGE, false"})
    void steps_followTheGradients(AdversarialLoss kind, boolean adaptive) {
        NDArray images = images();
        AdversarialConfig config = new AdversarialConfig(kind, 0, 0.5, adaptive);
        try (Trainer first = autoencoderTrainer(block);
                Trainer second = discriminatorTrainer()) {
            AdversarialTraining training = new AdversarialTraining(first, second, config);
            for (int step = 0; step < 2; step++) {
                assertStep(training, kind, adaptive, step, images);
            }
        }
    }

    private void assertStep(
            AdversarialTraining training,
            AdversarialLoss kind,
            boolean adaptive,
            int step,
            NDArray images) {
        NDList labels = new NDList(images);
        Map<String, double[]> ofLoss =
                gradients(block, s -> loss.evaluate(labels, forward(s, images)));
        VaeLossValues own = loss.latest();
        Map<String, double[]> ofTerm =
                gradients(block, s -> loss.parts(images, forward(s, images)).reconstruction());
        Map<String, double[]> ofJudge =
                gradients(block, s -> logits(s, forward(s, images).get(0)).mean().neg());
        Map<String, double[]> ofOther = gradients(judge, s -> judged(s, kind, images));
        String last = last(ofTerm);
        double weight = 0.5;
        if (adaptive) {
            weight =
                    GanFormulas.adaptiveWeight(
                            norm(of(ofTerm, last)), norm(of(ofJudge, last)), 0.5);
        }
        Map<String, double[]> before = values(block);
        Map<String, double[]> beforeOther = values(judge);
        Engine.getInstance().setRandomSeed(9);
        AdversarialValues values = training.step(batch(images));
        assertMoved(before, values(block), ofLoss, ofJudge, weight);
        assertMoved(beforeOther, values(judge), ofOther, ofOther, 0);
        assertEquals(weight, values.generatorWeight(), 1e-5 * weight);
        assertEquals(own.total(), values.autoencoder().total(), 1e-6 * own.total());
        assertEquals(step, values.autoencoder().step());
        assertSame(values.autoencoder(), loss.latest());
        assertTrue(Math.abs(values.generator() + values.fakeLogit()) < 1e-6);
        assertNotEquals(values.realLogit(), values.fakeLogit());
    }

    private NDArray judged(ParameterStore store, AdversarialLoss kind, NDArray images) {
        NDArray fake = forward(store, images).get(0).stopGradient();
        return kind.discriminator(logits(store, images), logits(store, fake));
    }

    /** Norms and the weights that are recorded for them. */
    @ParameterizedTest
    @CsvSource({"3, 0.5, 0.5, 2.9994001199760048", "5, 1e-9, 1, 10000", "0, 1, 0.5, 0"})
    void weight_isTheRecorded(double term, double generator, double weight, double expected) {
        NDArray actual =
                AdversarialTraining.adapted(
                        manager.create(term), manager.create(generator), weight);
        assertEquals(expected, actual.getDouble(), 1e-12);
    }

    private NDList forward(ParameterStore store, NDArray images) {
        return block.forward(store, new NDList(images), true);
    }

    /** A step of rate 1 moves each weight by its gradient. */
    private static void assertMoved(
            Map<String, double[]> before,
            Map<String, double[]> after,
            Map<String, double[]> gradients,
            Map<String, double[]> others,
            double weight) {
        double greatest = 0;
        double opposed = 0;
        for (String name : before.keySet()) {
            for (int i = 0; i < of(before, name).length; i++) {
                greatest = Math.max(greatest, Math.abs(of(gradients, name)[i]));
                opposed = Math.max(opposed, Math.abs(weight * of(others, name)[i]));
            }
        }
        // A gradient of single precision, as are the weights that it is taken from.
        double tolerance = 2e-6 * Math.max(1, greatest + opposed);
        assertTrue(greatest > 100 * tolerance);
        assertTrue(weight == 0 || opposed > 100 * tolerance);
        for (String name : before.keySet()) {
            double[] expected = of(before, name).clone();
            for (int i = 0; i < expected.length; i++) {
                expected[i] -= of(gradients, name)[i] + weight * of(others, name)[i];
            }
            assertArrayEquals(expected, of(after, name), tolerance, name);
        }
    }

    /** Until then the discriminator stays as it is and the autoencoder follows its own loss. */
    @Test
    void beforeTheStart_onlyTheAutoencoderIsTrained() {
        NDArray images = images();
        AdversarialConfig config = AdversarialConfig.latentDiffusion().withStart(2);
        try (Trainer first = autoencoderTrainer(block);
                Trainer second = discriminatorTrainer()) {
            AdversarialTraining training = new AdversarialTraining(first, second, config);
            for (int step = 0; step < 4; step++) {
                Map<String, double[]> ofLoss =
                        gradients(
                                block, s -> loss.evaluate(new NDList(images), forward(s, images)));
                Map<String, double[]> before = values(block);
                String judgeBefore = judge.getParameters().get(4).getValue().getArray() + "";
                Engine.getInstance().setRandomSeed(9);
                AdversarialValues values = training.step(batch(images));
                String judgeAfter = judge.getParameters().get(4).getValue().getArray() + "";
                assertEquals(step >= 2, Double.isFinite(values.generator()));
                assertEquals(step >= 2, Double.isFinite(values.discriminator()));
                assertEquals(step < 2, judgeBefore.equals(judgeAfter));
                if (step < 2) {
                    assertMoved(before, values(block), ofLoss, ofLoss, 0);
                }
            }
        }
    }

    @Test
    void learnedScale_isTrained() {
        VaeLossBuilder builder =
                VaeLoss.builder()
                        .setReconstruction(new ReconstructionTerm.LearnedLaplace())
                        .setKl(new KlTerm.Plain())
                        .setReduction(Reduction.MEAN_PER_ELEMENT)
                        .setSchedule(KlAnnealing.constant(KL_WEIGHT));
        AdversarialConfig config = AdversarialConfig.latentDiffusion().withStart(0);
        WithLogScale scaled = new WithLogScale(block, 0);
        try (Trainer first = trainer(autoencoder, scaled, builder.build(), 0.1f);
                Trainer second = discriminatorTrainer()) {
            AdversarialTraining training = new AdversarialTraining(first, second, config);
            NDArray images = images();
            double before = scaled.getParameters().get("log_scale").getArray().getFloat(0);
            double reconstruction = training.step(batch(images)).autoencoder().reconstruction();
            double after = scaled.getParameters().get("log_scale").getArray().getFloat(0);
            // At a scale of 1 the slope of |d| / b + ln b is 1 - |d|, and the cost |d| + ln 2.
            double slope = 1 - (reconstruction - Math.log(2));
            assertEquals(before - 0.1 * slope, after, 1e-6);
        }
    }

    /** What a step makes is closed at its end. */
    @Test
    void steps_leaveNoArrays() {
        AdversarialConfig config = AdversarialConfig.latentDiffusion().withStart(0);
        try (Trainer first = autoencoderTrainer(block);
                Trainer second = discriminatorTrainer()) {
            AdversarialTraining training = new AdversarialTraining(first, second, config);
            NDArray images = images();
            training.step(batch(images));
            int before = arrays();
            training.step(batch(images));
            training.step(batch(images));
            assertEquals(before, arrays());
        }
    }

    private int arrays() {
        return manager.getManagedArrays().size()
                + autoencoder.getNDManager().getManagedArrays().size()
                + discriminator.getNDManager().getManagedArrays().size();
    }

    /** Frozen only while it judges, and its statistics never become weights. */
    @Test
    void discriminator_staysTrainable() {
        AdversarialConfig config = AdversarialConfig.latentDiffusion().withStart(0);
        try (Trainer first = autoencoderTrainer(block);
                Trainer second = discriminatorTrainer()) {
            Map<String, Boolean> before = trainable();
            new AdversarialTraining(first, second, config).step(batch(images()));
            assertEquals(before, trainable());
            assertTrue(before.containsValue(true) && before.containsValue(false));
        }
    }

    private Map<String, Boolean> trainable() {
        Map<String, Boolean> trainable = new LinkedHashMap<>();
        judge.getParameters()
                .forEach(p -> trainable.put(p.getKey(), p.getValue().requiresGradient()));
        return trainable;
    }

    @Test
    void withLastLayer_isTheAutoencoder() {
        AutoencoderKL inner = block.autoencoder();
        block.initialize(manager, DataType.FLOAT32, IMAGES);
        ParameterStore store = new ParameterStore(manager, false);
        NDArray images = images();
        NDArray noise = single(Gradients.normal(manager, 3, 3, 2, 8, 8));
        for (NDList inputs : List.of(new NDList(images), new NDList(images, noise))) {
            NDList expected = inner.forward(store, inputs, false);
            NDList actual = block.forward(store, inputs, false);
            assertEquals(expected.get(0), actual.get(0));
            assertEquals(expected.get(1), actual.get(1));
            assertArrayEquals(block.getOutputShapes(new Shape[] {IMAGES}), actual.getShapes());
        }
    }

    /** The image is cut; the hidden layer has the size of the padded one. */
    @Test
    void withLastLayer_ofOddImages_isTheAutoencoder() {
        WithLastLayer odd = new WithLastLayer(new AutoencoderKL(SMALL.withOddSizes(OddSizes.PAD)));
        odd.initialize(manager, DataType.FLOAT32, IMAGES);
        NDArray images = single(Gradients.normal(manager, 1, 1, 1, 16, 15));
        ParameterStore store = new ParameterStore(manager, false);
        NDList actual = odd.forward(store, new NDList(images), false);
        NDList expected = odd.autoencoder().forward(store, new NDList(images), false);
        assertEquals(expected.get(0), actual.get(0));
        assertEquals(images.getShape(), actual.get(0).getShape());
        assertArrayEquals(odd.getOutputShapes(new Shape[] {images.getShape()}), actual.getShapes());
        assertEquals(16, actual.get(2).getShape().get(3));
    }

    @Test
    void arguments_areRejected() {
        AdversarialConfig config = AdversarialConfig.latentDiffusion();
        try (Trainer second = discriminatorTrainer()) {
            assertRejected(
                    "the autoencoder's loss must be a VaeLoss, got L2Loss",
                    () -> new AdversarialTraining(second, second, config));
            try (Trainer plain = trainer(autoencoder, new AutoencoderKL(SMALL), loss, 1)) {
                assertRejected(
                        "the autoencoder's block must be a WithLastLayer, got AutoencoderKL",
                        () -> new AdversarialTraining(plain, second, config));
            }
        }
    }

    /** Otherwise the start would never come. */
    @Test
    void stepsThatNobodyCounts_areAnError() {
        autoencoder.setBlock(block);
        DefaultTrainingConfig settings = new DefaultTrainingConfig(loss);
        try (Trainer second = discriminatorTrainer();
                Trainer first = autoencoder.newTrainer(settings)) {
            assertEquals(
                    "The loss does not know the step: add steps() to the training's listeners",
                    assertThrows(
                                    IllegalStateException.class,
                                    () ->
                                            new AdversarialTraining(
                                                    first,
                                                    second,
                                                    AdversarialConfig.latentDiffusion()))
                            .getMessage());
        }
    }
}
