// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.testing.LogCapture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a training goes on whose newest checkpoints are damaged. */
final class DamagedCheckpointTest {

    @TempDir private Path folder;

    private final Line line = new Line();

    @AfterEach
    void close() {
        line.close();
    }

    private Progress train(int epochs, Consumer<CheckpointListenerBuilder> settings)
            throws Exception {
        CheckpointListenerBuilder builder = line.checkpoints(folder);
        settings.accept(builder);
        CheckpointListener listener = builder.build();
        try (Trainer trainer = line.trainer(listener)) {
            Progress done = listener.resume(trainer);
            for (int i = 0; i < epochs; i++) {
                line.epoch(trainer);
            }
            return done;
        }
    }

    private List<Path> saved() throws IOException {
        return new CheckpointFolder(folder).list();
    }

    private void damage(int... indices) throws IOException {
        List<Path> all = saved();
        for (int index : indices) {
            Path file = all.get(index).resolve("model.safetensors");
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length - 1] ^= 1;
            Files.write(file, bytes);
        }
    }

    private static String sumOf(Path checkpoint) throws IOException {
        return Sha256Sums.of(checkpoint.resolve("model.safetensors"));
    }

    @Test
    void newestDamaged_goesOnFromTheNewestWholeOne_andTheLogSaysSoOnce() throws Exception {
        train(3, builder -> {});
        String before = sumOf(saved().get(2));
        damage(1, 2);
        List<Path> all = saved();
        try (LogCapture log = LogCapture.of(SavedTraining.class)) {
            assertEquals(new Progress(1, 0, 4), train(1, builder -> {}));
            assertEquals(
                    List.of(
                            "WARN Damaged checkpoints are left out, and the training goes on from "
                                    + all.get(0)
                                    + ": Cannot read checkpoint "
                                    + all.get(2)
                                    + ": the SHA-256 of model.safetensors must be "
                                    + before
                                    + ", got "
                                    + sumOf(all.get(2))
                                    + "; the newest that is whole is "
                                    + all.get(0)),
                    log.messages());
        }
        assertEquals(new Progress(2, 0, 8), Line.progress(folder));
    }

    /** A whole checkpoint of another run is no reason to go on with it. */
    @Test
    void checkpointsOfTwoRuns_areRefused(@TempDir Path other) throws Exception {
        train(1, builder -> {});
        CheckpointListener listener = line.checkpoints(other).build();
        try (Trainer trainer = line.trainer(listener)) {
            for (int i = 0; i < 2; i++) {
                line.epoch(trainer);
            }
        }
        Path foreign = new CheckpointFolder(other).list().get(1);
        Path copied = Files.createDirectory(folder.resolve(foreign.getFileName()));
        try (Stream<Path> files = Files.list(foreign)) {
            for (Path file : files.toList()) {
                Files.copy(file, copied.resolve(file.getFileName()));
            }
        }
        String first = saved().get(0).getFileName().toString();
        assertEquals(
                "Cannot go on in "
                        + folder
                        + ": its checkpoints must be of one run, got several, such as those of "
                        + first
                        + " and "
                        + copied.getFileName(),
                assertThrows(CheckpointException.class, () -> train(1, builder -> {}))
                        .getMessage());
        assertEquals(2, saved().size());
    }

    @Test
    void anotherOptimizerThanTheTrainers_isRefused() {
        CheckpointListener listener =
                line.checkpoints(folder).setOptimizer(Optimizer.adam().build()).build();
        try (Trainer trainer = line.trainer(listener)) {
            assertEquals(
                    "optimizer must be the one of the trainer's TrainingConfig, got another Adam:"
                            + " give setOptimizer the object that optOptimizer was given",
                    assertThrows(IllegalStateException.class, () -> listener.resume(trainer))
                            .getMessage());
        }
        assertTrue(Files.notExists(folder.resolve(".lock")));
    }

    @Test
    void refuseDamaged_refuses() throws Exception {
        train(2, builder -> {});
        damage(1);
        CheckpointException e =
                assertThrows(
                        CheckpointException.class,
                        () -> train(1, CheckpointListenerBuilder::optRefuseDamaged));
        String message = String.valueOf(e.getMessage());
        assertTrue(message.startsWith("Cannot read checkpoint " + saved().get(1)), message);
        assertTrue(message.endsWith("; the newest that is whole is " + saved().get(0)), message);
        assertEquals(2, saved().size());
    }

    @Test
    void allDamaged_isRefused_andNothingIsDeleted() throws Exception {
        train(2, builder -> {});
        damage(0, 1);
        CheckpointException e =
                assertThrows(CheckpointException.class, () -> train(1, builder -> {}));
        String message = String.valueOf(e.getMessage());
        assertTrue(message.endsWith("; there is no other that is whole"), message);
        assertEquals(2, saved().size());
    }

    /** Two of the three newest are damaged, so the whole one before them has to stay. */
    @Test
    void retention_doesNotCountDamagedOnes() throws Exception {
        train(3, builder -> builder.optKeepLast(3));
        damage(1, 2);
        train(1, builder -> builder.optKeepLast(2));
        assertEquals(List.of(4L, 8L, 12L, 8L), Line.steps(folder));
        train(1, builder -> builder.optKeepLast(2));
        assertEquals(List.of(8L, 12L), Line.steps(folder));
    }

    /** What was damaged after the resume is only seen where it is cheap to see. */
    @Test
    void retention_keepsTheLastThatCanBeOpened() throws Exception {
        train(2, builder -> {});
        Files.delete(saved().get(1).resolve("model.safetensors"));
        try (CheckpointFolder other = new CheckpointFolder(folder)) {
            Checkpoints.save(other, 12, Map.of(), new Retention(2, null));
        }
        assertEquals(List.of(4L, 8L, 12L), Line.steps(folder));
    }
}
