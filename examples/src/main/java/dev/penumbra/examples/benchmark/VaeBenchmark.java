// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.loss.VaeLoss;
import dev.penumbra.vae.schedule.KlAnnealing;
import java.io.IOException;

/** Training steps of the small KL-VAE: forward pass, backward pass and optimizer. */
final class VaeBenchmark implements AutoCloseable {

    private static final int BATCH = 64;

    private final Model model = Model.newInstance("vae", Device.cpu());
    private final FusedAdamW optimizer =
            FusedAdamW.builder()
                    .optLearningRateTracker(Tracker.fixed(0.001f))
                    .optWeightDecay(0)
                    .build();
    private final Trainer trainer;
    private final ArrayDataset data;

    VaeBenchmark() {
        model.setBlock(new AutoencoderKL(AutoencoderKLConfig.cifar10()));
        VaeLoss loss = VaeLoss.latentDiffusion().setSchedule(KlAnnealing.constant(0.01)).build();
        trainer = model.newTrainer(new DefaultTrainingConfig(loss).optOptimizer(optimizer));
        trainer.initialize(new Shape(1, 3, 32, 32));
        NDArray images =
                model.getNDManager()
                        .randomUniform(-1, 1, new Shape(BATCH, 3, 32, 32), DataType.FLOAT32);
        data =
                new ArrayDataset.Builder()
                        .setData(images)
                        .optLabels(images)
                        .setSampling(BATCH, false)
                        .build();
    }

    /** Makes a step and returns the nanoseconds that it took. */
    long step() throws IOException, TranslateException {
        for (Batch batch : trainer.iterateDataset(data)) {
            try (batch) {
                long begin = System.nanoTime();
                EasyTrain.trainBatch(trainer, batch);
                trainer.step();
                return System.nanoTime() - begin;
            }
        }
        throw new IllegalStateException("There is no batch");
    }

    long parameters() {
        return model.getBlock().getParameters().values().stream()
                .mapToLong(parameter -> parameter.getArray().size())
                .sum();
    }

    @Override
    public void close() {
        trainer.close();
        optimizer.close();
        model.close();
    }
}
