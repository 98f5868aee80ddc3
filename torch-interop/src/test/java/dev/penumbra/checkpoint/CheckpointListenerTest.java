// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.Stateful;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.torch.OptimizerState;
import dev.penumbra.torch.SafeL2Loss;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CheckpointListenerTest {

    @TempDir private Path folder;

    private final Model model = Model.newInstance("line", "PyTorch");
    private int units = 2;
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
                        .optKeepLast(100);
        settings.accept(builder);
        model.setBlock(Linear.builder().setUnits(units).build());
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
        try (CheckpointListener checkpoints = builder.build();
                Trainer trainer = model.newTrainer(config.addTrainingListeners(checkpoints))) {
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

    @Test
    void default_savesAfterEachEpoch() throws IOException, TranslateException {
        assertEquals(Progress.START, train(3, builder -> {}));
        assertEquals(List.of(4L, 8L, 12L), steps());
    }

    @Test
    void steps_andEpochs() throws IOException, TranslateException {
        train(3, builder -> builder.optEverySteps(3).optEveryEpochs(2));
        assertEquals(List.of(3L, 6L, 8L, 9L, 12L), steps());
    }

    @Test
    void time() throws IOException, TranslateException {
        train(1, builder -> builder.optEvery(Duration.ofNanos(1)).optEveryEpochs(9));
        assertEquals(List.of(1L, 2L, 3L, 4L), steps());
        assertEquals(
                4, new CheckpointFolder(folder).latest().orElseThrow().info().progress().step());
    }

    @Test
    void longTime_savesNothing() throws IOException, TranslateException {
        train(1, builder -> builder.optEvery(Duration.ofDays(1)).optEveryEpochs(9));
        assertEquals(List.of(), steps());
    }

    @Test
    void foreground_savesTheSame() throws IOException, TranslateException {
        train(1, builder -> builder.optBackground(false).optEverySteps(1));
        assertEquals(List.of(1L, 2L, 3L, 4L, 4L), steps());
        new CheckpointFolder(folder).latest().orElseThrow().verify();
    }

    /** Losses fall from epoch to epoch, so that each checkpoint is the best one yet. */
    @Test
    void best_isKept_andRemembered() throws IOException, TranslateException {
        train(2, b -> b.optBest(data, "L2Loss", ScoreOrder.LOWER_IS_BETTER).optKeepLast(1));
        CheckpointFolder saved = new CheckpointFolder(folder);
        assertEquals(List.of(8L), steps());
        Map<String, Float> best = saved.bestScores(ScoreOrder.LOWER_IS_BETTER);
        assertEquals(List.of("model"), List.copyOf(best.keySet()));

        // With the order turned round nothing after it is better, and the first one stays.
        optimizer = FusedAdamW.builder().build();
        Progress done =
                train(
                        2,
                        b -> b.optBest(data, "L2Loss", ScoreOrder.HIGHER_IS_BETTER).optKeepLast(1));
        assertEquals(new Progress(2, 0, 8), done);
        assertEquals(List.of(8L, 16L), steps());
        assertEquals(best, saved.bestScores(ScoreOrder.HIGHER_IS_BETTER));
    }

    /** A part with two sets of weights, of which one cannot be rated yet. */
    private static final class Rated implements TrainingPart {

        private final String name;

        Rated(String name) {
            this.name = name;
        }

        @Override
        public Stateful state(Trainer trainer) {
            return new Nothing();
        }

        @Override
        public Map<String, Map<String, Float>> evaluateAll(Trainer trainer, Dataset dataset) {
            return Map.of(name, Map.of("L2Loss", 7f));
        }
    }

    @Test
    void best_ofAPart() throws IOException, TranslateException {
        train(
                1,
                b ->
                        b.optPart("part", new Rated("its"))
                                .optBest(data, "L2Loss", ScoreOrder.LOWER_IS_BETTER));
        Map<String, Float> scores =
                new CheckpointFolder(folder).latest().orElseThrow().info().scores();
        assertEquals(List.of("model", "its"), List.copyOf(scores.keySet()));
        assertEquals(7f, scores.get("its"));
    }

    @Test
    void best_ofWeightsNamedLikeTheOnlineOnes() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                train(
                                        1,
                                        b ->
                                                b.optPart("part", new Rated("model"))
                                                        .optBest(
                                                                data,
                                                                "L2Loss",
                                                                ScoreOrder.LOWER_IS_BETTER)));
        assertEquals(
                "names of rated weights must differ, got 'model' twice; 'model' are the online"
                        + " weights",
                e.getMessage());
    }

    @Test
    void best_savesBetweenTheOtherTriggers() throws IOException, TranslateException {
        train(
                2,
                builder ->
                        builder.optBest(data, "L2Loss", ScoreOrder.LOWER_IS_BETTER)
                                .optEveryEpochs(50));
        assertEquals(List.of(4L, 8L), steps());
    }

    @Test
    void best_ofAnUnknownEvaluator() {
        IllegalArgumentException e =
                assertThrows(
                        IllegalArgumentException.class,
                        () ->
                                train(
                                        1,
                                        b ->
                                                b.optBest(
                                                        data,
                                                        "Accuracy",
                                                        ScoreOrder.HIGHER_IS_BETTER)));
        assertEquals("evaluator must be one of [L2Loss], got Accuracy", e.getMessage());
    }

    @Test
    void differences_areToldAtOnce_andNothingChanges() throws IOException, TranslateException {
        train(1, builder -> builder.optSettings(Map.of("rate", "0.1", "size", "4")));
        Path saved = new CheckpointFolder(folder).list().get(0);
        units = 3;
        optimizer = Optimizer.adam().build();
        CheckpointException e =
                assertThrows(
                        CheckpointException.class,
                        () ->
                                train(
                                        1,
                                        b ->
                                                b.optStepSeeds(5)
                                                        .optSettings(Map.of("rate", "0.2"))
                                                        .optSettings(Map.of("new", "1"))
                                                        .optPart("part", new Nothing())));
        String expected =
                String.join(
                        "; ",
                        "Cannot resume from " + saved + ": setting 'rate' must be 0.1, got 0.2",
                        "setting 'new' must be absent, got 1",
                        "setting 'size' must be 4, got none",
                        "model: array 'weight' must be (3, 3) of F32, got (2, 3) of F32",
                        "model: array 'bias' must be (3) of F32, got (2) of F32");
        assertEquals(expected, String.valueOf(e.getMessage()).substring(0, expected.length()));
        for (String other :
                List.of(
                        "optimizer: optimizer must be Adam, got FusedAdamW",
                        "optimizer: array 'first_moment/bias' must be (3) of F32, got (2) of F32",
                        "random: step_seeds must be 5, got null",
                        "part 'part' must be in the checkpoint, got none")) {
            assertTrue(String.valueOf(e.getMessage()).contains(other), e.getMessage());
        }
        assertEquals(List.of(4L), steps());
    }

    /** A part without state. */
    private static final class Nothing implements Stateful {
        @Override
        public State state() {
            return State.of(Map.of());
        }

        @Override
        public List<String> differences(SavedState saved) {
            return List.of();
        }

        @Override
        public void restore(SavedState saved) {}
    }

    @Test
    void middleOfAnEpoch_withoutASampler() throws IOException, TranslateException {
        train(1, builder -> builder.optEverySteps(3).optEveryEpochs(9));
        optimizer = FusedAdamW.builder().build();
        CheckpointException e =
                assertThrows(CheckpointException.class, () -> train(1, builder -> {}));
        assertEquals(
                "Cannot resume from "
                        + new CheckpointFolder(folder).list().get(0)
                        + ": random: sampler must be set when training and when resuming in the"
                        + " middle of an epoch, got none",
                e.getMessage());
    }

    @Test
    void builder_rejects() {
        CheckpointListenerBuilder builder = CheckpointListener.builder();
        assertRejected("folder must be set, got null", builder::build);
        builder.setFolder(folder);
        assertRejected("optimizer must be set, got null", builder::build);
        assertRejected("steps must be at least 1, got 0", () -> builder.optEverySteps(0));
        assertRejected("epochs must be at least 1, got -1", () -> builder.optEveryEpochs(-1));
        assertRejected("keepLast must be at least 1, got 0", () -> builder.optKeepLast(0));
        assertRejected("time must be above 0, got PT0S", () -> builder.optEvery(Duration.ZERO));
        assertRejected(
                "grace must be above 0, got PT-1S",
                () -> builder.optTerminate(Duration.ofSeconds(-1)));
        String rule =
                "name of a part must be letters, digits, '_' and '-' and none of [model, optimizer,"
                        + " random], got ";
        assertRejected(rule + "model", () -> builder.optPart("model", new Nothing()));
        assertRejected(rule + "../x", () -> builder.optPart("../x", new Nothing()));
        builder.optPart("x", new Nothing());
        assertRejected(
                "names of parts must differ, got 'x' twice",
                () -> builder.optPart("x", new Nothing()));
    }

    private static void assertRejected(String message, Runnable action) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, action::run);
        assertEquals(message, e.getMessage());
    }

    @Test
    void unknownOptimizer_cannotBeSaved() {
        optimizer =
                Optimizer.nag()
                        .setMomentum(0.9f)
                        .setLearningRateTracker(Tracker.fixed(0.1f))
                        .build();
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> OptimizerState.of(optimizer, Linear.builder().setUnits(1).build()));
        assertEquals(
                "optimizer must be FusedAdamW, Sgd, Adam or AdamW to be saved, got Nag",
                e.getMessage());
    }
}
