// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link FullDiskProgram}: a limit on the size of files instead of a disk. */
@EnabledOnOs(OS.LINUX)
final class FullDiskTest {

    private static final List<String> SHORT = List.of("-Dshort.epochs=1", "-Dshort.hidden=2000");
    private static final List<String> LONG = List.of("-Dshort.epochs=4", "-Dshort.hidden=2000");
    private static final int LIMIT_KIB = 128;

    @Test
    void saveThatFails_leavesTrainingAndCheckpointsAsTheyWere(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        Path checkpoints = folder.resolve("checkpoints");
        String whole = folder.resolve("whole").toString();
        List<String> expected =
                lines(ChildProcess.start(output, LONG, SavingProgram.class, whole), output);

        lines(
                ChildProcess.start(output, SHORT, SavingProgram.class, checkpoints.toString()),
                output);
        List<String> failing =
                lines(
                        ChildProcess.startLimited(
                                output,
                                LIMIT_KIB,
                                LONG,
                                SavingProgram.class,
                                checkpoints.toString()),
                        output);

        assertEquals(expected.get(expected.size() - 1), failing.get(failing.size() - 1));
        List<String> failures = failing.stream().filter(l -> l.startsWith("failure")).toList();
        assertEquals(15, failures.size(), failing::toString);
        String first = failures.get(0);
        assertTrue(first.contains("Cannot save checkpoint " + checkpoints), first);
        assertTrue(first.endsWith(": File too large"), first);
        Checkpoint latest = new CheckpointFolder(checkpoints).latest().orElseThrow();
        assertEquals(5, latest.info().progress().step());
        latest.verify();
        try (var entries = Files.list(checkpoints)) {
            assertEquals(
                    0, entries.filter(e -> e.getFileName().toString().startsWith(".s")).count());
        }
    }

    private static List<String> lines(Process process, Path output)
            throws IOException, InterruptedException {
        assertEquals(0, process.waitFor(), () -> ChildProcess.errors(output));
        return Files.readAllLines(output);
    }
}
