// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
        awaitMiddle(process, output);
        process.destroy(); // SIGTERM
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "it must end within 10 s");
        assertEquals(0, process.exitValue(), () -> ChildProcess.errors(output));
        Checkpoint latest = new CheckpointFolder(checkpoints).latest().orElseThrow();
        assertTrue(latest.info().progress().batch() > 0, latest::toString);

        assertEquals(0, start(output, checkpoints, "end").waitFor());
        assertEquals(expected, last(output));
    }

    private static void awaitMiddle(Process process, Path output)
            throws IOException, InterruptedException {
        while (process.isAlive() && !Files.readString(output).contains("middle")) {
            Thread.sleep(5);
        }
    }

    private static List<Path> saved(Path checkpoints) throws IOException {
        return new CheckpointFolder(checkpoints).list();
    }

    @Test
    void sigterm_whileTheTrainingHangs_endsTheProcessAfterTheGrace(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        Path checkpoints = folder.resolve("checkpoints");
        List<String> options = List.of("-Dshort.epochs=40", "-Dshort.grace=2");
        Process process =
                ChildProcess.start(
                        output, options, TerminatedProgram.class, checkpoints.toString(), "stuck");
        awaitMiddle(process, output);
        process.destroy();
        assertFalse(process.waitFor(1, TimeUnit.SECONDS), "it must wait for the training");
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it must end");
        assertEquals(143, process.exitValue());
        String errors = ChildProcess.errors(output);
        assertTrue(errors.contains("The training has not reacted to SIGTERM"), errors);
        assertEquals(List.of(), saved(checkpoints));
    }

    @Test
    void secondSigterm_endsTheProcessAtOnce(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        Path checkpoints = folder.resolve("checkpoints");
        Process process = start(output, checkpoints, "stuck");
        awaitMiddle(process, output);
        process.destroy();
        while (process.isAlive() && !ChildProcess.errors(output).contains("SIGTERM has come")) {
            Thread.sleep(5);
        }
        assertTrue(process.isAlive());
        process.destroy();
        assertTrue(process.waitFor(10, TimeUnit.SECONDS), "it must end");
        assertEquals(143, process.exitValue());
        assertEquals(List.of(), saved(checkpoints));
    }

    @Test
    void sigterm_ofTwoTrainingsInTurn_savesBothOfTheSameMoment(@TempDir Path folder)
            throws IOException, InterruptedException {
        Path output = folder.resolve("output.txt");
        Path first = folder.resolve("first");
        Path second = folder.resolve("second");
        Process process =
                ChildProcess.start(
                        output, TwoTrainingsProgram.class, first.toString(), second.toString());
        awaitMiddle(process, output);
        process.destroy();
        assertTrue(process.waitFor(20, TimeUnit.SECONDS), "it must end");
        assertEquals(0, process.exitValue(), () -> ChildProcess.errors(output));
        long steps = Line.progress(first).step();
        assertTrue(steps > 5, "steps " + steps);
        long others = Line.progress(second).step();
        // The signal may come between any two steps of a round.
        long behind = 2 * steps - others;
        assertTrue(behind >= 0 && behind <= 2, others + " steps for " + steps);
    }

    private static String last(Path output) throws IOException {
        List<String> lines = Files.readAllLines(output);
        return lines.get(lines.size() - 1);
    }
}
