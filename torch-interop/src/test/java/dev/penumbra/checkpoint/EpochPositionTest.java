// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDList;
import ai.djl.training.GradientCollector;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.util.RandomUtils;
import dev.penumbra.internal.FileTree;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where a loop that tells of no batch stands in the data. */
final class EpochPositionTest {

    @TempDir private Path folder;

    /** Trains an epoch of 4 batches in a loop of its own; ends after so many batches. */
    private float[] train(int accumulate, int end) throws Exception {
        try (Line line = new Line()) {
            ResumableSampler sampler = ResumableSampler.shuffled(2);
            ArrayDataset data = line.data(sampler);
            CheckpointListener listener =
                    line.checkpoints(folder)
                            .optSampler(sampler)
                            .optEverySteps(1)
                            .optKeepLast(100)
                            .build();
            RandomUtils.RANDOM.setSeed(9);
            try (Trainer trainer = line.trainer(listener)) {
                long done = listener.resume(trainer).batch();
                for (Batch batch : trainer.iterateDataset(data)) {
                    try (batch;
                            GradientCollector collector = trainer.newGradientCollector()) {
                        NDList predictions = trainer.forward(batch.getData());
                        collector.backward(
                                trainer.getLoss().evaluate(batch.getLabels(), predictions));
                    }
                    if (++done % accumulate == 0) {
                        trainer.step();
                    }
                    if (done == end) {
                        break;
                    }
                }
                return line.weights();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void loopWithoutEvents_goesOnWhereItStood(int accumulate) throws Exception {
        Engine.getInstance().setRandomSeed(4);
        train(accumulate, 2);
        assertEquals(new Progress(0, 2, 2 / accumulate), Line.progress(folder));
        float[] resumed = train(accumulate, 4);
        assertEquals(new Progress(0, 4, 4 / accumulate), Line.progress(folder));
        FileTree.delete(folder);
        Engine.getInstance().setRandomSeed(4);
        assertArrayEquals(train(accumulate, 4), resumed);
    }

    @Test
    void dataPreparedAhead_isRefused_whereNoBatchIsTold() throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(2);
        try (Line line = new Line()) {
            ResumableSampler sampler = ResumableSampler.shuffled(2);
            CheckpointListener listener =
                    line.checkpoints(folder).optSampler(sampler).optEverySteps(2).build();
            try (Trainer trainer =
                    line.model().newTrainer(line.config(listener).optExecutorService(executor))) {
                trainer.initialize(Line.INPUT);
                line.step(trainer);
                IllegalStateException e =
                        assertThrows(IllegalStateException.class, () -> line.step(trainer));
                assertEquals(
                        "The position in the data is unknown where an executor prepares it: train"
                                + " each batch by EasyTrain.trainBatch, or save at the ends of"
                                + " epochs only",
                        e.getMessage());
                trainer.notifyListeners(each -> each.onEpoch(trainer));
            }
        } finally {
            executor.shutdown();
        }
        assertEquals(new Progress(1, 0, 2), Line.progress(folder));
    }
}
