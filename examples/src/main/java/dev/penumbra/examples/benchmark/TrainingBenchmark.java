// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.loss.Loss;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.examples.cifar10.TutorialNet;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Dataset;
import dev.penumbra.torch.FusedAdamW;
import java.io.IOException;

/** Times the update between the steps of a real training, where caches are cold. */
final class TrainingBenchmark {

    private static final int BATCH = 64;

    private TrainingBenchmark() {}

    /** Trains and returns the time of each update in nanoseconds. */
    static long[] run(int warmup, int repeats) throws IOException, TranslateException {
        long[] nanos = new long[warmup + repeats];
        try (Model model = Model.newInstance("cifar10", Device.cpu());
                FusedAdamW optimizer = FusedAdamW.builder().build();
                EmaTrainingListener ema =
                        EmaTrainingListener.builder()
                                .setSchedule(Decays.inversePower(0.9998))
                                .optManualUpdates()
                                .build()) {
            model.setBlock(TutorialNet.create());
            ArrayDataset data =
                    Cifar10Dataset.of(
                            model.getNDManager(),
                            Cifar10Data.sample(),
                            Dataset.Usage.TRAIN,
                            BATCH,
                            true);
            try (Trainer trainer =
                    model.newTrainer(
                            new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                                    .optOptimizer(optimizer)
                                    .addTrainingListeners(ema))) {
                trainer.initialize(new Shape(1, 3, 32, 32));
                ema.start(trainer);
                int step = 0;
                while (step < nanos.length) {
                    for (Batch batch : trainer.iterateDataset(data)) {
                        try (batch) {
                            step = step(trainer, batch, ema, nanos, step);
                        }
                    }
                }
            }
        }
        return java.util.Arrays.copyOfRange(nanos, warmup, nanos.length);
    }

    private static int step(
            Trainer trainer, Batch batch, EmaTrainingListener ema, long[] nanos, int step) {
        if (step == nanos.length) {
            return step;
        }
        EasyTrain.trainBatch(trainer, batch);
        trainer.step();
        long begin = System.nanoTime();
        ema.update();
        nanos[step] = System.nanoTime() - begin;
        return step + 1;
    }
}
