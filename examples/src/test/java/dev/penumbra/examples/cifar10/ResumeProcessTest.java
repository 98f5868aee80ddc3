// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.penumbra.checkpoint.CheckpointFolder;
import dev.penumbra.checkpoint.Progress;
import dev.penumbra.examples.Main;
import dev.penumbra.examples.Output;
import dev.penumbra.examples.run.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Runs in another process that is ended in the middle of an epoch, and go on in this one. */
final class ResumeProcessTest {

    private static final long DEADLINE = 60;

    @TempDir static Path folder;

    private static Path whole;

    @BeforeAll
    static void run() {
        whole = folder.resolve("whole");
        assertEquals(0, Output.of(arguments(whole)).code());
    }

    /** An epoch of 500 steps. */
    private static String[] arguments(Path out) {
        return new String[] {
            "cifar10",
            "--smoke",
            "--threads",
            "1",
            "--batch-size",
            "2",
            "--checkpoint-every-steps",
            "60",
            "--out",
            out.toString()
        };
    }

    /**
     * Starts a run and returns once it is in the middle of its epoch. The checkpoint of step 120 is
     * complete then, because that of step 180 has waited for it.
     */
    private static Process start(Path run) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(Main.class.getName());
        command.addAll(List.of(arguments(run)));
        Process process =
                new ProcessBuilder(command)
                        .redirectOutput(Path.of(run + ".out").toFile())
                        .redirectError(Path.of(run + ".err").toFile())
                        .start();
        Path log = run.resolve("run.jsonl");
        long begin = System.nanoTime();
        while (!Files.exists(log) || !Files.readString(log).contains("\"step\":200,")) {
            assertTrue(process.isAlive(), () -> read(Path.of(run + ".err")));
            assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(DEADLINE));
            Thread.sleep(5);
        }
        return process;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file).replace(System.lineSeparator(), "\n");
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Progress progress(Path run) throws IOException {
        return new CheckpointFolder(run.resolve("checkpoints").resolve("seed-0"))
                .latest()
                .orElseThrow()
                .info()
                .progress();
    }

    /** On Windows a process cannot be asked to end. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void terminated_exitsWithZeroAndGoesOn() throws Exception {
        Path run = folder.resolve("terminated");
        Process process = start(run);
        process.destroy();
        assertTrue(process.waitFor(10, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), () -> read(Path.of(run + ".err")));
        String output = read(Path.of(run + ".out"));
        assertTrue(
                output.endsWith(
                        "\nInterrupted. To go on: examples/run cifar10 --resume " + run + "\n"),
                output);
        Progress progress = progress(run);
        assertEquals(0, progress.epoch());
        // Where the signal came, which is later than any checkpoint that was due.
        assertNotEquals(0, progress.batch() % 60);
        resume(run, progress);
    }

    @Test
    void killed_goesOn() throws Exception {
        Path run = folder.resolve("killed");
        Process process = start(run);
        process.destroyForcibly();
        assertTrue(process.waitFor(10, TimeUnit.SECONDS));
        assertNotEquals(0, process.exitValue());
        resume(run, progress(run));
    }

    private static void resume(Path run, Progress progress) throws IOException {
        Output resumed = Output.of("cifar10", "--resume", run.toString());
        assertEquals(0, resumed.code(), resumed.err());
        RunFiles.assertSame(whole, run);
        assertEquals(
                progress.step(), RunFiles.events(run, "resume").get(0).get("step").getAsLong());
    }
}
