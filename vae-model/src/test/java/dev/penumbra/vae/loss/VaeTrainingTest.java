// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.LambdaBlock;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.Gradients;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.RampShape;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The loss in DJL's training. */
final class VaeTrainingTest {

    private static final AutoencoderKLConfig SMALL =
            new AutoencoderKLConfig(
                    1, 1, 2, List.of(2, 4), 1, 2, Set.of(), true, true, OddSizes.REJECT);

    private static VaeLossBuilder sums() {
        return VaeLoss.builder()
                .setReconstruction(new ReconstructionTerm.L2())
                .setKl(new KlTerm.Plain())
                .setReduction(Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH);
    }

    private static DefaultTrainingConfig config(VaeLoss loss, float rate) {
        Optimizer sgd = Optimizer.sgd().setLearningRateTracker(Tracker.fixed(rate)).build();
        return new DefaultTrainingConfig(loss).optOptimizer(sgd);
    }

    /** The autoencoder's outputs are what the loss takes; each batch is one step. */
    @Test
    void training_ofAnAutoencoder_countsItsSteps() throws IOException, TranslateException {
        KlAnnealing schedule = KlAnnealing.monotone(1e-2, 10, RampShape.LINEAR);
        VaeLoss loss = sums().setSchedule(schedule).build();
        List<VaeLossValues> values = new ArrayList<>();
        DefaultTrainingConfig config = config(loss, 1e-3f);
        config.addTrainingListeners(loss.steps());
        config.addTrainingListeners(
                new TrainingListenerAdapter() {
                    @Override
                    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
                        values.add(loss.latest());
                    }
                });
        Engine.getInstance().setRandomSeed(5);
        try (Model model = Model.newInstance("vae");
                NDManager manager = NDManager.newBaseManager()) {
            model.setBlock(new AutoencoderKL(SMALL));
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(new Shape(2, 1, 4, 4));
                NDArray images =
                        Gradients.normal(manager, 1, 6, 1, 4, 4).toType(DataType.FLOAT32, false);
                ArrayDataset data =
                        new ArrayDataset.Builder()
                                .setData(images)
                                .optLabels(images)
                                .setSampling(2, false)
                                .build();
                EasyTrain.fit(trainer, 2, data, null);
            }
        }
        assertEquals(6, values.size());
        for (int i = 0; i < 6; i++) {
            assertEquals(i, values.get(i).step());
            assertEquals(i * 1e-3, values.get(i).klWeight(), 1e-18);
            assertTrue(values.get(i).reconstruction() > 0 && values.get(i).kl() > 0);
        }
        assertEquals(6, loss.steps().getAsLong());
    }

    /** The optimum of the scale is the size of the error, which only a trained one finds. */
    @Test
    void learnedScale_isTrained() {
        LambdaBlock zeros =
                new LambdaBlock(
                        in -> {
                            NDArray x = in.get(0);
                            NDArray z = x.getManager().zeros(new Shape(x.getShape().get(0), 2));
                            return new NDList(x.zerosLike(), z);
                        });
        VaeLoss loss =
                sums().setReconstruction(new ReconstructionTerm.LearnedGaussian())
                        .setReduction(Reduction.MEAN_PER_ELEMENT)
                        .setSchedule(KlAnnealing.constant(1))
                        .build();
        WithLogScale block = new WithLogScale(zeros, 0.5);
        try (Model model = Model.newInstance("scale")) {
            model.setBlock(block);
            try (Trainer trainer = model.newTrainer(config(loss, 0.1f))) {
                trainer.initialize(new Shape(2, 3));
                NDArray images =
                        trainer.getManager()
                                .create(new float[] {3, -1, 2, 1, -3, 2}, new Shape(2, 3));
                assertEquals(0.5f, scale(block));
                for (int i = 0; i < 200; i++) {
                    try (GradientCollector collector = trainer.newGradientCollector()) {
                        NDList predictions = trainer.forward(new NDList(images));
                        collector.backward(loss.evaluate(new NDList(images), predictions));
                    }
                    trainer.step();
                }
                assertEquals(0.5 * Math.log(28 / 6.0), scale(block), 1e-5);
            }
        }
    }

    private static float scale(WithLogScale block) {
        return block.getParameters().get("log_scale").getArray().getFloat(0);
    }

    @Test
    void withLogScale_isABlock() throws IOException, MalformedModelException {
        try (NDManager manager = NDManager.newBaseManager()) {
            Shape[] input = {new Shape(2, 1, 4, 4)};
            WithLogScale block = new WithLogScale(new AutoencoderKL(SMALL), -1.5);
            assertArrayEquals(
                    new Shape[] {input[0], new Shape(2, 4, 2, 2), new Shape(1)},
                    block.getOutputShapes(input));
            block.initialize(manager, DataType.FLOAT32, input);
            assertEquals(-1.5f, scale(block));
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            block.saveParameters(new DataOutputStream(bytes));
            WithLogScale other = new WithLogScale(new AutoencoderKL(SMALL), 0);
            other.loadParameters(manager, input(bytes.toByteArray()));
            assertEquals(-1.5f, scale(other));
        }
        assertEquals(
                "initial must be finite, got NaN",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> new WithLogScale(new AutoencoderKL(SMALL), Double.NaN))
                        .getMessage());
    }

    private static DataInputStream input(byte[] bytes) {
        return new DataInputStream(new ByteArrayInputStream(bytes));
    }
}
