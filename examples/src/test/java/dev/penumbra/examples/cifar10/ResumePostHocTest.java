// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.penumbra.examples.Output;
import dev.penumbra.examples.run.Interrupted;
import dev.penumbra.examples.run.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The run has 16 steps and a snapshot after each fourth. */
final class ResumePostHocTest {

    @TempDir static Path folder;

    private static Path whole;

    @BeforeAll
    static void run() {
        whole = folder.resolve("whole");
        assertEquals(
                0,
                Output.of("posthoc", "--smoke", "--threads", "1", "--out", whole.toString())
                        .code());
    }

    private static void interrupt(int steps, String... args) {
        Interrupted.run(PostHocCifar10::new, PostHocCifar10::observe, steps, args);
    }

    private static String readme(Path run, String options) throws IOException {
        String text = Files.readString(run.resolve("README.md"));
        assertTrue(text.contains(options), text);
        return text.replace(options, "").replace(run.toString(), "RUN");
    }

    /** The steps between checkpoints, the step where it stops, and where it goes on. */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "before the first checkpoint, 100, 7, 0",
        "after a snapshot that the checkpoint has, 3, 11, 9",
        "after a snapshot that the checkpoint lacks, 5, 14, 10",
        "at a snapshot, 4, 10, 8"
    })
    void interrupted_resumed_equalsWhole(String name, String every, int stop, int step)
            throws IOException {
        Path run = folder.resolve(name);
        String option = " --checkpoint-every-steps " + every;
        String[] args = {
            "--smoke", "--threads", "1", "--out", run.toString(), "--checkpoint-every-steps", every
        };
        interrupt(stop, args);
        assertFalse(Files.exists(run.resolve("README.md")));
        Output output = Output.of("posthoc", "--resume", run.toString());
        assertEquals(0, output.code(), output.err());
        assertEquals(readme(whole, ""), readme(run, option));
        assertEquals(step, RunFiles.events(run, "resume").get(0).get("step").getAsInt());
        assertFalse(Files.exists(run.resolve("checkpoints")));
    }

    /** Killed after the last step: the snapshots of that step are written again. */
    @Test
    void interruptedAfterTraining_resumed_equalsWhole() throws IOException {
        Path run = folder.resolve("after");
        String option = " --keep-checkpoints 1";
        assertEquals(
                0,
                Output.of(("posthoc --smoke --threads 1 --out " + run + option).split(" ")).code());
        String report = readme(run, option);
        Files.delete(run.resolve("README.md"));
        Path log = run.resolve("run.jsonl");
        List<String> lines = Files.readAllLines(log);
        Files.writeString(log, lines.get(0) + "\n" + lines.get(1) + "\n");
        assertEquals(0, Output.of("posthoc", "--resume", run.toString()).code());
        assertEquals(16, RunFiles.events(run, "resume").get(0).get("step").getAsInt());
        assertEquals(report, readme(run, option));
        assertEquals(readme(whole, ""), report);
    }

    @Test
    void ended_showsTheReport() throws IOException {
        Output output = Output.of("posthoc", "--resume", whole.toString());
        assertEquals(
                new Output(
                        0,
                        "Nothing to resume: the run has ended\n"
                                + Files.readString(whole.resolve("README.md"))
                                + "\n",
                        ""),
                output);
    }
}
