// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a checkpoint listener takes, and when it gives it back. */
final class CheckpointLifetimeTest {

    private static final String ANOTHER_RUN =
            ": it has those of another run; call resume(trainer) before the first step to go on"
                    + " with that, or choose another folder";

    @TempDir private Path folder;

    private final Line line = new Line();

    @AfterEach
    void close() {
        line.close();
    }

    private CheckpointListener listener() {
        return line.checkpoints(folder).build();
    }

    /** Whether nobody holds the folder. */
    private boolean isFree() throws IOException {
        try (CheckpointFolder other = new CheckpointFolder(folder)) {
            other.open(Checkpoints.owner(true));
            return true;
        } catch (CheckpointException e) {
            return false;
        }
    }

    private static void assertRefused(String message, Runnable action) {
        IllegalStateException e = assertThrows(IllegalStateException.class, action::run);
        assertEquals(message, e.getMessage());
    }

    private static Progress resume(CheckpointListener listener, Trainer trainer) {
        try {
            return listener.resume(trainer);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void addedTwice_isRefused_andNothingIsHeld() throws IOException {
        CheckpointListener listener = listener();
        assertRefused(
                "The CheckpointListener must be in the TrainingConfig once, got 2 times: create a"
                        + " new TrainingConfig for each trainer",
                () -> line.trainer(listener, listener));
        assertTrue(isFree());
    }

    /** DJL gives every trainer of a configuration the same list of listeners. */
    @Test
    void addedAgain_toAConfigurationInUse_isRefusedBeforeAnythingMoves() throws Exception {
        CheckpointListener listener = listener();
        DefaultTrainingConfig config = line.config(listener);
        try (Trainer trainer = line.model().newTrainer(config)) {
            trainer.initialize(Line.INPUT);
            line.step(trainer);
            float[] weights = line.weights();
            config.addTrainingListeners(listener);
            assertThrows(IllegalStateException.class, () -> line.step(trainer));
            assertArrayEquals(weights, line.weights());
        }
    }

    @Test
    void forgotten_isTold() throws IOException {
        CheckpointListener listener = listener();
        try (Trainer trainer = line.trainer()) {
            assertRefused(
                    "The CheckpointListener must be part of the training: add it to the"
                            + " TrainingConfig before newTrainer",
                    () -> resume(listener, trainer));
        }
        assertTrue(isFree());
    }

    /** A part whose listener was forgotten. */
    private static final class Forgotten implements TrainingPart {

        @Override
        public Stateful state(Trainer trainer) {
            throw new AssertionError();
        }

        @Override
        public void requireIn(Trainer trainer) {
            throw new IllegalStateException("The part must be in the training");
        }
    }

    @Test
    void forgottenPart_isTold_atResume_andBeforeTheFirstStep() throws IOException {
        CheckpointListener listener =
                line.checkpoints(folder).optPart("part", new Forgotten()).build();
        try (Trainer trainer = line.trainer(listener)) {
            float[] weights = line.weights();
            String message = "The part must be in the training";
            assertRefused(message, () -> resume(listener, trainer));
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> line.step(trainer));
            assertEquals(message, e.getMessage());
            assertArrayEquals(weights, line.weights());
        }
        assertTrue(isFree());
    }

    @Test
    void resume_beforeInitialize_isTold_withAndWithoutCheckpoints() throws Exception {
        for (int run = 0; run < 2; run++) {
            try (Line other = new Line()) {
                CheckpointListener listener = other.checkpoints(folder).build();
                try (Trainer trainer = other.model().newTrainer(other.config(listener))) {
                    assertRefused(
                            "The model has no weights yet: call trainer.initialize(...) before"
                                    + " resume(trainer) and training",
                            () -> resume(listener, trainer));
                    trainer.initialize(Line.INPUT);
                    assertEquals(run, listener.resume(trainer).epoch());
                    other.epoch(trainer);
                }
            }
        }
    }

    @Test
    void newTrainerThatFails_leavesNothing() throws Exception {
        CheckpointListener listener = listener();
        TrainingListenerAdapter failing =
                new TrainingListenerAdapter() {
                    @Override
                    public void onTrainingBegin(Trainer trainer) {
                        throw new IllegalArgumentException("on purpose");
                    }
                };
        assertThrows(IllegalArgumentException.class, () -> line.trainer(listener, failing));
        assertTrue(isFree());
        try (Trainer trainer = line.trainer(listener)) {
            listener.resume(trainer);
            line.epoch(trainer);
        }
        assertEquals(List.of(4L), Line.steps(folder));
    }

    @Test
    void newTrainer_takesNothing_andItsEndGivesEverythingBack() throws Exception {
        CheckpointListener listener = listener();
        try (Trainer trainer = line.trainer(listener)) {
            assertTrue(isFree());
            listener.resume(trainer);
            assertFalse(isFree());
            line.epoch(trainer);
        }
        assertTrue(isFree());
        assertEquals(0, savingThreads());
        assertThrows(IllegalStateException.class, listener::save);
    }

    private static long savingThreads() throws InterruptedException {
        long count = 1;
        for (int i = 0; i < 100 && count > 0; i++) {
            Thread.sleep(10);
            count =
                    Thread.getAllStackTraces().keySet().stream()
                            .filter(thread -> thread.getName().equals("checkpoint"))
                            .count();
        }
        return count;
    }

    @Test
    void firstStep_andFirstSave_takeTheFolder() throws Exception {
        try (Trainer trainer = line.trainer(listener())) {
            line.step(trainer);
            assertFalse(isFree());
        }
        CheckpointListener second = line.checkpoints(folder.resolve("second")).build();
        try (Trainer trainer = line.trainer(second)) {
            second.save();
            second.await();
            assertEquals(1, second.folder().list().size());
            trainer.close();
            trainer.close();
        }
    }

    @Test
    void secondRun_ofTheSameProcess_resumes() throws Exception {
        for (int run = 0; run < 3; run++) {
            CheckpointListener listener = listener();
            try (Trainer trainer = line.trainer(listener)) {
                assertEquals(new Progress(run, 0, 4L * run), listener.resume(trainer));
                line.epoch(trainer);
            }
        }
    }

    @Test
    void secondRun_afterATrainerThatWasNeverClosed_resumes() throws Exception {
        leaveOpen();
        CheckpointListener listener = listener();
        try (Trainer trainer = line.trainer(listener)) {
            assertEquals(new Progress(1, 0, 4), listener.resume(trainer));
            line.epoch(trainer);
        }
        assertEquals(List.of(4L, 8L), Line.steps(folder));
    }

    private void leaveOpen() throws IOException, TranslateException {
        CheckpointListener listener = listener();
        Trainer trainer = line.trainer(listener);
        listener.resume(trainer);
        line.epoch(trainer);
    }

    @Test
    void openTrainer_keepsItsFolder() throws Exception {
        CheckpointListener first = listener();
        CheckpointListener second = listener();
        try (Trainer trainer = line.trainer(first);
                Trainer other = line.trainer(second)) {
            first.resume(trainer);
            CheckpointException e =
                    assertThrows(CheckpointException.class, () -> second.resume(other));
            assertEquals(
                    "Cannot write checkpoints to "
                            + folder
                            + ": another training of this process does: close its trainer",
                    e.getMessage());
            line.epoch(trainer);
        }
        assertEquals(List.of(4L), Line.steps(folder));
    }

    @Test
    void secondPhase_goesOnWithTheSameListener() throws Exception {
        CheckpointListener listener = listener();
        for (int phase = 0; phase < 2; phase++) {
            try (Trainer trainer = line.trainer(listener)) {
                line.epoch(trainer);
            }
        }
        assertEquals(List.of(4L, 8L), Line.steps(folder));
        assertEquals(new Progress(2, 0, 8), Line.progress(folder));
    }

    @Test
    void endOfAnotherTrainer_meansNothing() throws Exception {
        CheckpointListener listener = listener();
        try (Trainer trainer = line.trainer(listener)) {
            listener.resume(trainer);
            line.trainer(listener).close();
            assertFalse(isFree());
            line.epoch(trainer);
        }
        assertEquals(List.of(4L), Line.steps(folder));
        assertTrue(isFree());
    }

    /** DJL closes it in the thread of the finalizer. */
    @Test
    void endOfACollectedTrainer_meansNothing_andItCanBeCollected() throws Exception {
        CheckpointListener listener = listener();
        WeakReference<Trainer> left = left(listener);
        try (Trainer trainer = line.trainer(listener)) {
            line.step(trainer);
            collect(left);
            assertFalse(isFree());
            line.step(trainer);
            listener.save();
        }
        assertEquals(new Progress(0, 3, 3), Line.progress(folder));
        assertTrue(isFree());
    }

    private WeakReference<Trainer> left(CheckpointListener listener)
            throws IOException, TranslateException {
        Trainer trainer = line.trainer(listener);
        listener.resume(trainer);
        line.step(trainer);
        return new WeakReference<>(trainer);
    }

    @SuppressWarnings({"removal", "deprecation"}) // DJL relies on finalizers
    private static void collect(WeakReference<Trainer> trainer) throws InterruptedException {
        for (int i = 0; i < 100 && trainer.get() != null; i++) {
            System.gc();
            Thread.sleep(20);
        }
        assertEquals(null, trainer.get());
        System.runFinalization();
    }

    @Test
    void twoTrainers_inTurn_withAListenerEach() throws Exception {
        Path second = folder.resolve("second");
        CheckpointListener one = line.checkpoints(folder.resolve("first")).build();
        CheckpointListener two = line.checkpoints(second).build();
        try (Trainer first = line.trainer(one);
                Trainer other = line.trainer(two)) {
            for (int i = 0; i < 3; i++) {
                line.step(first);
                line.step(other);
                line.step(other);
            }
            one.save();
            two.save();
        }
        assertEquals(3, Line.progress(folder.resolve("first")).step());
        assertEquals(6, Line.progress(second).step());
    }

    @Test
    void twoTrainers_inTurn_withOneListener() throws Exception {
        CheckpointListener listener = listener();
        Trainer first = line.trainer(listener);
        try (Trainer second = line.trainer(listener)) {
            for (int i = 0; i < 3; i++) {
                line.step(first);
                line.step(second);
            }
            first.close();
            line.step(second);
            listener.save();
        }
        assertEquals(7, Line.progress(folder).step());
        assertTrue(isFree());
    }

    @Test
    void anotherModel_isRefused_unlessItResumes() throws Exception {
        CheckpointListener listener = listener();
        try (Trainer trainer = line.trainer(listener)) {
            line.epoch(trainer);
        }
        try (Line other = new Line();
                Trainer trainer = other.trainer(listener)) {
            IllegalStateException e =
                    assertThrows(IllegalStateException.class, () -> other.step(trainer));
            assertEquals(
                    "The CheckpointListener has saved another model: call resume(trainer) before"
                            + " the first step, or create one listener for each model",
                    e.getMessage());
        }
        Optimizer same = line.optimizer();
        try (Line other = new Line(same);
                Trainer trainer = other.trainer(listener)) {
            assertEquals(new Progress(1, 0, 4), listener.resume(trainer));
            assertArrayEquals(line.weights(), other.weights());
            other.step(trainer);
        }
    }

    @Test
    void withoutResume_theCheckpointsOfAnotherRun_areSafe() throws Exception {
        try (Trainer trainer = line.trainer(listener())) {
            line.epoch(trainer);
        }
        try (Trainer trainer = line.trainer(listener())) {
            float[] weights = line.weights();
            UncheckedIOException e =
                    assertThrows(UncheckedIOException.class, () -> line.step(trainer));
            assertEquals(
                    "Cannot write checkpoints to " + folder + ANOTHER_RUN,
                    Objects.requireNonNull(e.getCause()).getMessage());
            assertArrayEquals(weights, line.weights());
        }
        assertTrue(isFree());
    }

    @Test
    void checkpointOfAnotherFolder_beginsARun_whereThereIsNone() throws Exception {
        try (Trainer trainer = line.trainer(listener())) {
            line.epoch(trainer);
        }
        Checkpoint source = new CheckpointFolder(folder).latest().orElseThrow();
        Path fork = folder.resolve("fork");
        CheckpointListener listener = line.checkpoints(fork).build();
        try (Trainer trainer = line.trainer(listener)) {
            assertEquals(new Progress(1, 0, 4), listener.resume(trainer, source));
            line.epoch(trainer);
            listener.await();
            CheckpointException e =
                    assertThrows(CheckpointException.class, () -> listener.resume(trainer, source));
            assertEquals("Cannot write checkpoints to " + fork + ANOTHER_RUN, e.getMessage());
        }
        Checkpoint forked = new CheckpointFolder(fork).latest().orElseThrow();
        assertNotEquals(source.info().run(), forked.info().run());
    }

    @Test
    void run_keepsItsIdentity_andEachCheckpointHasItsOwn() throws Exception {
        for (int run = 0; run < 2; run++) {
            CheckpointListener listener = listener();
            try (Trainer trainer = line.trainer(listener)) {
                listener.resume(trainer);
                line.epoch(trainer);
            }
        }
        List<Path> saved = new CheckpointFolder(folder).list();
        CheckpointInfo first = Checkpoint.open(saved.get(0)).info();
        CheckpointInfo second = Checkpoint.open(saved.get(1)).info();
        assertEquals(first.run(), second.run());
        assertNotEquals(first.id(), second.id());
    }
}
