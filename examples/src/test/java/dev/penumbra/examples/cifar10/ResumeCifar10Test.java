// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import dev.penumbra.examples.Output;
import dev.penumbra.examples.run.Interrupted;
import dev.penumbra.examples.run.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A run that goes on equals one that was never interrupted; an epoch has 250 steps. */
final class ResumeCifar10Test {

    @TempDir static Path folder;

    /** Two epochs of one seed; one epoch of two seeds. */
    private static Path epochs;

    private static Path seeds;

    @BeforeAll
    static void run() {
        epochs = folder.resolve("epochs");
        seeds = folder.resolve("seeds");
        assertEquals(0, Output.of(arguments(epochs, 1)).code());
        assertEquals(0, Output.of(arguments(seeds, 2)).code());
    }

    private static String[] arguments(Path out, int seeds, String... more) {
        List<String> args = new ArrayList<>(List.of("cifar10", "--smoke", "--threads", "1"));
        args.addAll(List.of("--batch-size", "4", "--epochs", Integer.toString(3 - seeds)));
        args.addAll(List.of("--seeds", Integer.toString(seeds)));
        args.addAll(List.of("--out", out.toString()));
        args.addAll(List.of(more));
        return args.toArray(String[]::new);
    }

    /** Without the program's name, which the process gives to the program that is built here. */
    private static void interrupt(int steps, String... args) {
        String[] options = List.of(args).subList(1, args.length).toArray(String[]::new);
        Interrupted.run(TrainCifar10WithEma::new, TrainCifar10WithEma::observe, steps, options);
    }

    private static Output resume(Path run) {
        Output output = Output.of("cifar10", "--resume", run.toString());
        assertEquals(0, output.code(), output.err());
        assertTrue(
                output.out().endsWith("\nReport: " + run.resolve("report.html") + "\n"),
                output.out());
        return output;
    }

    /**
     * The seeds of the run, the steps between checkpoints, where it stops, and where it goes on:
     * the seed, the epoch, the batches trained in it, the step. The log has a measurement after
     * each 200 batches.
     */
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "before the first checkpoint, 1, 1000, 150, 0 1 0 0",
        "at the end of an epoch, 1, 1000, 251, 0 2 0 250",
        "in the middle of an epoch, 1, 125, 190, 0 1 125 125",
        "after a measurement that the checkpoint lacks, 1, 60, 239, 0 1 180 180",
        "at a measurement, 1, 200, 201, 0 1 200 200",
        "in a later epoch, 1, 120, 470, 0 2 110 360",
        "between two seeds, 2, 120, 251, 1 1 0 0",
        "in the second seed, 2, 120, 440, 1 1 120 120"
    })
    void interrupted_resumed_equalsWhole(
            String name, int count, String every, int stop, String where) throws IOException {
        Path run = folder.resolve(name);
        interrupt(stop, arguments(run, count, "--checkpoint-every-steps", every));
        assertFalse(Files.exists(run.resolve("report.html")));
        resume(run);
        assertSame(run, count == 1 ? epochs : seeds, " --checkpoint-every-steps " + every);
        assertEquals(List.of(where), places(run));
    }

    private static List<String> places(Path run) throws IOException {
        return RunFiles.events(run, "resume").stream().map(ResumeCifar10Test::place).toList();
    }

    private static String place(JsonObject event) {
        return event.get("seed")
                + " "
                + event.get("epoch")
                + " "
                + event.get("batch")
                + " "
                + event.get("step");
    }

    /** The first line has more options than that of the other run. */
    private static void assertSame(Path run, Path whole, String options) throws IOException {
        Path log = run.resolve("run.jsonl");
        String text = Files.readString(log);
        String args = options.replace(" ", "\",\"").substring(1) + "\"";
        assertTrue(text.contains(options) && text.contains(args), text);
        Files.writeString(log, text.replace(options, "").replace(args, ""));
        RunFiles.assertSame(whole, run);
    }

    @Test
    void interruptedWhileResuming_resumedAgain_equalsWhole() throws IOException {
        Path run = folder.resolve("twice");
        interrupt(190, arguments(run, 2, "--checkpoint-every-steps", "120"));
        interrupt(100, "cifar10", "--resume", run.toString()); // at step 220, before a checkpoint
        interrupt(125, "cifar10", "--resume", run.toString()); // at step 245, after one
        interrupt(200, "cifar10", "--resume", run.toString()); // in the second seed
        resume(run);
        assertSame(run, seeds, " --checkpoint-every-steps 120");
        assertEquals(List.of("0 1 120 120", "0 1 240 240", "1 1 120 120"), places(run));
    }

    /** The process was killed while it evaluated, before the checkpoint of the epoch. */
    @Test
    void afterTheLastBatch_resumed_equalsWhole() throws IOException {
        Path run = folder.resolve("last batch");
        String options = " --checkpoint-every-steps 250 --keep-checkpoints 9";
        interrupt(251, arguments(run, 1, options.strip().split(" ")));
        Path checkpoints = run.resolve("checkpoints").resolve("seed-0");
        delete(checkpoints.resolve("000002-step-0000000250"));
        resume(run);
        assertEquals(List.of("0 1 250 250"), places(run));
        delete(run.resolve("checkpoints"));
        assertSame(run, epochs, options);
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** As a run leaves it that is killed while it writes a line. */
    @Test
    void halfLastLine_resumed_equalsWhole() throws IOException {
        Path run = folder.resolve("half");
        interrupt(190, arguments(run, 1, "--checkpoint-every-steps", "120"));
        Path log = run.resolve("run.jsonl");
        Files.writeString(log, Files.readString(log) + "{\"event\":\"batch\",\"se");
        resume(run);
        assertSame(run, epochs, " --checkpoint-every-steps 120");
    }

    /** Between two seeds, and before the last line. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void seedEndIsTheLastLine_resumed_equalsWhole(int ended) throws IOException {
        Path run = folder.resolve("ended-" + ended);
        copy(seeds, run);
        Path log = run.resolve("run.jsonl");
        StringBuilder kept = new StringBuilder();
        int seen = 0;
        for (String line : Files.readAllLines(log)) {
            if (seen < ended) {
                kept.append(line.replace(seeds.toString(), run.toString())).append('\n');
                seen += line.startsWith("{\"event\":\"seed_end\"") ? 1 : 0;
            }
        }
        Files.writeString(log, kept);
        resume(run);
        RunFiles.assertSame(seeds, run);
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()));
            }
        }
    }

    @Test
    void keptCheckpoints_stayAndAreNotResumed() throws IOException {
        Path run = folder.resolve("kept");
        interrupt(400, arguments(run, 2, "--keep-checkpoints", "1"));
        resume(run);
        assertEquals(List.of("1 1 0 0"), places(run));
        for (String seed : List.of("seed-0", "seed-1")) {
            Path latest = run.resolve("checkpoints").resolve(seed).resolve("latest");
            assertEquals("000001-step-0000000250", latest.toRealPath().getFileName().toString());
        }
    }

    @Test
    void minutes_saveToo() throws IOException {
        Path run = folder.resolve("minutes");
        interrupt(20, arguments(run, 1, "--checkpoint-minutes", "1e-6"));
        Path latest = run.resolve("checkpoints").resolve("seed-0").resolve("latest");
        assertEquals("000019-step-0000000019", latest.toRealPath().getFileName().toString());
    }

    @Test
    void ended_writesTheReportAgain() throws IOException {
        Path run = folder.resolve("ended");
        copy(seeds, run);
        String log = Files.readString(run.resolve("run.jsonl"));
        Files.delete(run.resolve("report.html"));
        Output output = resume(run);
        assertTrue(output.out().startsWith("Nothing to resume: the run has ended\n"));
        assertTrue(Files.exists(run.resolve("report.html")));
        assertEquals(log, Files.readString(run.resolve("run.jsonl")));
    }

    /** The time of the interruption counts for nothing, that of the epochs before it does. */
    @Test
    void seconds_ofAllEpochs() throws IOException {
        Path run = folder.resolve("seconds");
        interrupt(260, arguments(run, 1));
        long before = System.nanoTime();
        resume(run);
        double second = (System.nanoTime() - before) / 1e9;
        JsonObject epoch = RunFiles.events(run, "epoch").get(0);
        double first =
                epoch.get("seconds").getAsDouble() + epoch.get("evaluation_seconds").getAsDouble();
        double total = RunFiles.events(run, "end").get(0).get("seconds").getAsDouble();
        assertTrue(total > first && total < first + second, total + " s");
    }
}
