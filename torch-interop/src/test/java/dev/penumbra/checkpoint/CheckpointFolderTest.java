// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

final class CheckpointFolderTest {

    @TempDir private Path temporary;

    private static List<String> names(CheckpointFolder folder) throws IOException {
        return folder.list().stream().map(path -> path.getFileName().toString()).toList();
    }

    @Test
    void missingFolder_hasNoCheckpoint() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary.resolve("none"))) {
            assertEquals(List.of(), folder.list());
            assertEquals(Optional.empty(), folder.latest());
            assertEquals(
                    Optional.empty(), folder.best(Checkpoint.MODEL, ScoreOrder.HIGHER_IS_BETTER));
            assertFalse(Files.exists(folder.path()));
        }
    }

    @Test
    void latest_isTheOneSavedLast_notTheOneWithTheHighestStep() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            Checkpoints.save(folder, 30);
            Checkpoints.save(folder, 20);
            assertEquals(
                    List.of("000001-step-0000000030", "000002-step-0000000020"), names(folder));
            assertEquals(20, folder.latest().orElseThrow().info().progress().step());
        }
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void link_leadsToTheNewest() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            Checkpoints.save(folder, 1);
            Checkpoints.save(folder, 2);
            Path link = temporary.resolve(CheckpointFolder.LATEST);
            assertEquals(Path.of("000002-step-0000000002"), Files.readSymbolicLink(link));
            assertEquals(2, Checkpoint.open(link).info().progress().step());
        }
    }

    @Test
    void keepLast_deletesTheOldest() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            for (int step = 1; step <= 5; step++) {
                Checkpoints.save(folder, step, Map.of(), new Retention(2, null));
            }
            assertEquals(
                    List.of("000004-step-0000000004", "000005-step-0000000005"), names(folder));
            try (var entries = Files.list(temporary)) {
                assertEquals(
                        0,
                        entries.filter(e -> e.getFileName().toString().matches("\\.[sd].*"))
                                .count());
            }
        }
    }

    @Test
    void keepBest_keepsTheBestOfEach() throws IOException {
        float[] online = {0.1f, 0.9f, 0.3f, 0.9f, Float.NaN, 0.2f};
        float[] averaged = {0.1f, 0.2f, 0.3f, 0.4f, 0.3f, 0.2f};
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            for (int step = 1; step <= 6; step++) {
                Map<String, Float> scores =
                        Map.of(Checkpoint.MODEL, online[step - 1], "ema", averaged[step - 1]);
                Checkpoints.save(
                        folder, step, scores, Checkpoints.keeping(1, ScoreOrder.HIGHER_IS_BETTER));
            }
            assertEquals(
                    List.of(
                            "000002-step-0000000002",
                            "000004-step-0000000004",
                            "000006-step-0000000006"),
                    names(folder));
            assertEquals(2, step(folder.best(Checkpoint.MODEL, ScoreOrder.HIGHER_IS_BETTER)));
            assertEquals(4, step(folder.best("ema", ScoreOrder.HIGHER_IS_BETTER)));
            assertEquals(
                    Map.of(Checkpoint.MODEL, 0.9f, "ema", 0.4f),
                    folder.bestScores(ScoreOrder.HIGHER_IS_BETTER));
        }
    }

    @Test
    void keepBest_minimizing() throws IOException {
        float[] losses = {3, 1, 2};
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            for (int step = 1; step <= 3; step++) {
                Map<String, Float> scores = Map.of("ema", losses[step - 1]);
                Checkpoints.save(
                        folder, step, scores, Checkpoints.keeping(1, ScoreOrder.LOWER_IS_BETTER));
            }
            assertEquals(2, step(folder.best("ema", ScoreOrder.LOWER_IS_BETTER)));
            assertEquals(2, folder.list().size());
        }
    }

    @Test
    void best_doesNotCountWhatIsDamaged() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            Checkpoints.save(folder, 1, Map.of("ema", 1f), Checkpoints.KEEP_ALL);
            Path better = Checkpoints.save(folder, 2, Map.of("ema", 2f), Checkpoints.KEEP_ALL);
            Files.writeString(better.resolve(CheckpointFiles.INFO), "{}");
            assertEquals(1, step(folder.best("ema", ScoreOrder.HIGHER_IS_BETTER)));
        }
    }

    private static long step(Optional<Checkpoint> checkpoint) {
        return checkpoint.orElseThrow().info().progress().step();
    }

    @Test
    void secondTraining_isRefused() throws IOException {
        try (CheckpointFolder first = new CheckpointFolder(temporary);
                CheckpointFolder second = new CheckpointFolder(temporary.resolve("."))) {
            first.open(Checkpoints.owner(true));
            CheckpointException e =
                    assertThrows(
                            CheckpointException.class, () -> second.open(Checkpoints.owner(true)));
            assertEquals(
                    "Cannot write checkpoints to "
                            + second.path()
                            + ": another training of this process does: close its trainer",
                    e.getMessage());
            first.close();
            second.open(Checkpoints.owner(true));
        }
    }

    @Test
    void endedTraining_isMadeToGiveUp() throws IOException {
        try (CheckpointFolder first = new CheckpointFolder(temporary);
                CheckpointFolder second = new CheckpointFolder(temporary)) {
            first.open(
                    new FolderLock.Owner() {
                        @Override
                        public boolean isInUse() {
                            return false;
                        }

                        @Override
                        public void abandon() {
                            try {
                                first.close();
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        }
                    });
            second.open(Checkpoints.owner(true));
        }
    }

    @Test
    void leftovers_areRemovedAndNeverRead() throws IOException {
        Path half = Files.createDirectories(temporary.resolve(".saving-000001-step-0000000001"));
        Files.writeString(half.resolve("model.safetensors"), "half");
        Path gone = Files.createDirectories(temporary.resolve(".deleted-000001-step-0000000001"));
        Path other = Files.createFile(temporary.resolve("notes.txt"));
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            assertEquals(List.of(), folder.list());
            folder.open(Checkpoints.owner(true));
            assertFalse(Files.exists(half));
            assertFalse(Files.exists(gone));
            assertTrue(Files.exists(other));
        }
    }

    @Test
    void folderBelowAFile_isRefused() throws IOException {
        Path file = Files.createFile(temporary.resolve("file"));
        try (CheckpointFolder folder = new CheckpointFolder(file.resolve("run"))) {
            CheckpointException e =
                    assertThrows(
                            CheckpointException.class, () -> folder.open(Checkpoints.owner(true)));
            assertTrue(
                    String.valueOf(e.getMessage())
                            .startsWith(
                                    "Cannot write checkpoints to " + file.resolve("run") + ": "),
                    e.getMessage());
        }
    }

    @Test
    void saveThatFails_leavesTheOthersAndNothingElse() throws IOException {
        try (CheckpointFolder folder = new CheckpointFolder(temporary)) {
            Checkpoints.save(folder, 1);
            // What is in the way makes the second one fail.
            Files.createFile(temporary.resolve(".saving-000002-step-0000000002"));
            CheckpointException e =
                    assertThrows(CheckpointException.class, () -> Checkpoints.save(folder, 2));
            assertEquals(
                    "Cannot save checkpoint "
                            + temporary.resolve("000002-step-0000000002")
                            + ": FileAlreadyExistsException: "
                            + temporary.resolve(".saving-000002-step-0000000002"),
                    e.getMessage());
            try (var entries = Files.list(temporary)) {
                assertEquals(
                        0,
                        entries.filter(x -> x.getFileName().toString().startsWith(".s")).count());
            }
            folder.latest().orElseThrow().verify();
            Checkpoints.save(folder, 2);
            assertEquals(2, folder.list().size());
        }
    }

    @Test
    void keepLast_mustBePositive() {
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> new Retention(0, null));
        assertEquals("keepLast must be at least 1, got 0", e.getMessage());
    }
}
