// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.Checkpoint;
import dev.penumbra.checkpoint.CheckpointException;
import dev.penumbra.checkpoint.CheckpointFolder;
import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.checkpoint.CheckpointListenerBuilder;
import dev.penumbra.checkpoint.Progress;
import dev.penumbra.checkpoint.ScoreOrder;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.exchange.CheckpointWeights;
import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.torch.SafeL2Loss;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Averages as a part of checkpoints. */
final class AveragesCheckpointTest {

    @TempDir private Path folder;

    private final Model model = Model.newInstance("line", "PyTorch");
    private int units = 2;
    private EmaTrainingListener ema = EmaTrainingListener.ofDecay(0.5);
    private Optimizer optimizer = FusedAdamW.builder().build();
    private final ArrayDataset data =
            new ArrayDataset.Builder()
                    .setData(model.getNDManager().ones(new Shape(8, 3)))
                    .optLabels(model.getNDManager().ones(new Shape(8, 2)))
                    .setSampling(2, false)
                    .build();

    @AfterEach
    void close() {
        model.close();
    }

    /** Trains four steps an epoch from where it stands. */
    private Progress train(int epochs, Consumer<CheckpointListenerBuilder> settings)
            throws IOException, TranslateException {
        CheckpointListenerBuilder builder =
                CheckpointListener.builder()
                        .setFolder(folder)
                        .setOptimizer(optimizer)
                        .optPart("averages", ema)
                        .optKeepLast(100);
        settings.accept(builder);
        model.setBlock(Linear.builder().setUnits(units).build());
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
        try (CheckpointListener checkpoints = builder.build();
                Trainer trainer = model.newTrainer(config.addTrainingListeners(ema, checkpoints))) {
            trainer.initialize(new Shape(1, 3));
            Progress done = checkpoints.resume(trainer);
            EasyTrain.fit(trainer, epochs, data, null);
            return done;
        }
    }

    private List<Long> steps() throws IOException {
        try (CheckpointFolder saved = new CheckpointFolder(folder)) {
            return saved.list().stream()
                    .map(p -> p.getFileName().toString())
                    .map(name -> Long.parseLong(name.substring(name.lastIndexOf('-') + 1)))
                    .toList();
        }
    }

    private static Map<String, Float> bestScores(CheckpointFolder saved, ScoreOrder order)
            throws IOException {
        Map<String, Float> best = new LinkedHashMap<>();
        for (String name : List.of(Checkpoint.MODEL, "average")) {
            Checkpoint checkpoint = saved.best(name, order).orElseThrow();
            best.put(name, Objects.requireNonNull(checkpoint.info().scores().get(name)));
        }
        return best;
    }

    /** Losses fall from epoch to epoch, so that each checkpoint is the best one yet. */
    @Test
    void best_isKeptForOnlineAndAverage_andRemembered() throws IOException, TranslateException {
        train(
                2,
                builder ->
                        builder.optBest(data, "L2Loss", ScoreOrder.LOWER_IS_BETTER).optKeepLast(1));
        CheckpointFolder saved = new CheckpointFolder(folder);
        assertEquals(List.of(8L), steps());
        Map<String, Float> best = bestScores(saved, ScoreOrder.LOWER_IS_BETTER);
        assertEquals(List.of("model", "average"), List.copyOf(best.keySet()));
        assertTrue(
                Objects.requireNonNull(best.get("model"))
                        < Objects.requireNonNull(best.get("average")));

        // With the order turned round nothing after it is better, and the first ones stay.
        ema = EmaTrainingListener.ofDecay(0.5);
        optimizer = FusedAdamW.builder().build();
        Progress done =
                train(
                        2,
                        builder ->
                                builder.optBest(data, "L2Loss", ScoreOrder.HIGHER_IS_BETTER)
                                        .optKeepLast(1));
        assertEquals(new Progress(2, 0, 8), done);
        assertEquals(List.of(8L, 16L), steps());
        assertEquals(best, bestScores(saved, ScoreOrder.HIGHER_IS_BETTER));
    }

    @Test
    void weights_ofACheckpoint() throws IOException, TranslateException {
        train(1, builder -> {});
        Checkpoint checkpoint = new CheckpointFolder(folder).latest().orElseThrow();
        try (ModelWeights online = CheckpointWeights.load(checkpoint, model, Checkpoint.MODEL);
                ModelWeights averaged = CheckpointWeights.load(checkpoint, model, "average")) {
            model.getBlock()
                    .getParameters()
                    .forEach(
                            pair -> {
                                NDArray expected = pair.getValue().getArray();
                                NDArray actual = online.arrays().get(pair.getKey());
                                assertArrayEquals(
                                        expected.toFloatArray(),
                                        Objects.requireNonNull(actual).toFloatArray());
                            });
            ema.average()
                    .arrays()
                    .forEach(
                            (name, array) ->
                                    assertArrayEquals(
                                            array.toFloatArray(),
                                            Objects.requireNonNull(averaged.arrays().get(name))
                                                    .toFloatArray()));
        }
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> CheckpointWeights.load(checkpoint, model, "other"));
        assertEquals("weights must be an average of the checkpoint, got other", e.getMessage());
    }

    @Test
    void differences_areTold_andNothingChanges() throws IOException, TranslateException {
        train(1, builder -> {});
        units = 3;
        ema = EmaTrainingListener.of(EmaConfig.of(new ArithmeticMean()));
        optimizer = FusedAdamW.builder().build();
        CheckpointException e =
                assertThrows(CheckpointException.class, () -> train(1, builder -> {}));
        for (String difference :
                List.of(
                        "averages: average/rule must be {\"type\":\"ArithmeticMean\"}, got"
                                + " {\"type\":\"ConstantDecay\",\"decay\":0.5}",
                        "averages: array 'average/weight' must be (3, 3) of F32, got (2, 3) of"
                                + " F32")) {
            assertTrue(String.valueOf(e.getMessage()).contains(difference), e.getMessage());
        }
        assertEquals(0, ema.step());
        assertEquals(List.of(4L), steps());
    }
}
