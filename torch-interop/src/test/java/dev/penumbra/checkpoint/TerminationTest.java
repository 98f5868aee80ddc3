// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
final class TerminationTest {

    /** Long enough that the signal comes before the end. */
    private static final List<String> SIZE = List.of("-Dshort.epochs=40", "-Dshort.hidden=2000");

    private static Process start(Path output, Path checkpoints, String mode) throws IOException {
        return ChildProcess.start(
                output, SIZE, TerminatedProgram.class, checkpoints.toString(), mode);
    }

    @Test
    void sigterm_savesAndExitsWithZero_andTheRestIsTheSame(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        assertEquals(0, start(output, folder.resolve("whole"), "end").waitFor());
        String expected = last(output);

        Path checkpoints = folder.resolve("checkpoints");
        Process process = start(output, checkpoints, "wait");
        while (process.isAlive() && !Files.readString(output).contains("middle")) {
            Thread.sleep(5);
        }
        process.destroy(); // SIGTERM
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "it must end within 10 s");
        assertEquals(0, process.exitValue(), () -> ChildProcess.errors(output));
        Checkpoint latest = new CheckpointFolder(checkpoints).latest().orElseThrow();
        assertTrue(latest.info().progress().batch() > 0, latest::toString);

        assertEquals(0, start(output, checkpoints, "end").waitFor());
        assertEquals(expected, last(output));
    }

    private static String last(Path output) throws IOException {
        List<String> lines = Files.readAllLines(output);
        return lines.get(lines.size() - 1);
    }
}
