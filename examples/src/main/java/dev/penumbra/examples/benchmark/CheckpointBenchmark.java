// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.torch.SafeL2Loss;
import java.io.IOException;
import java.nio.file.Path;

/** A training of a known model's parameters, without its computation, that saves and resumes. */
final class CheckpointBenchmark implements AutoCloseable {

    private final Model model;
    private final EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.9998);
    private final FusedAdamW optimizer = FusedAdamW.builder().build();
    private final CheckpointListener foreground;
    private final CheckpointListener background;
    private final Trainer trainer;

    CheckpointBenchmark(String name, Path folder) throws IOException {
        model = Model.newInstance(name);
        model.setBlock(new ShapesBlock(UpdateBenchmark.cases().getAsJsonArray(name)));
        foreground = listener(folder.resolve("foreground"), false);
        background = listener(folder.resolve("background"), true);
        trainer =
                model.newTrainer(
                        new DefaultTrainingConfig(new SafeL2Loss())
                                .optOptimizer(optimizer)
                                .addTrainingListeners(ema, foreground, background));
        trainer.initialize(new Shape(1));
        ema.averagesOf(trainer);
        step();
    }

    private CheckpointListener listener(Path folder, boolean inBackground) {
        return CheckpointListener.builder()
                .setFolder(folder)
                .optPart("averages", ema)
                .setOptimizer(optimizer)
                .optEveryEpochs(Long.MAX_VALUE)
                .optKeepLast(1)
                .optBackground(inBackground)
                .build();
    }

    /** Makes one step, after which every parameter has moments. */
    private void step() {
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            if (parameter.requiresGradient()) {
                try (GradientCollector collector = trainer.newGradientCollector();
                        NDArray squares = parameter.getArray().square();
                        NDArray loss = squares.sum()) {
                    collector.backward(loss);
                }
            }
        }
        trainer.step();
    }

    /** Saves and waits until everything is on disk. */
    void save() throws IOException {
        foreground.save();
    }

    /** Verifies and loads what was saved. */
    void load() throws IOException {
        foreground.resume(trainer);
    }

    /** Saves in the background and returns how long that holds up the training, in ns. */
    long pause() throws IOException {
        background.save();
        long pause = background.lastPause().toNanos();
        background.await();
        return pause;
    }

    /** The folder of the newest checkpoint. */
    Path newest() throws IOException {
        return foreground.folder().latest().orElseThrow().folder();
    }

    @Override
    public void close() throws IOException {
        trainer.close();
        foreground.close();
        background.close();
        ema.close();
        optimizer.close();
        model.close();
    }
}
