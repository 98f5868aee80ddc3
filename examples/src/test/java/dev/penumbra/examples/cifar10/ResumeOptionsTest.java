// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.examples.Output;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.report.RunLog;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ResumeOptionsTest {

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"cifar10", "posthoc"})
    void noFolder_isRefused(String program) {
        Path none = folder.resolve("none");
        assertRefused("--resume must be a folder with run.jsonl, got " + none, program, none);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cifar10", "posthoc"})
    void noLog_isRefused(String program) {
        assertRefused("--resume must be a folder with run.jsonl, got " + folder, program, folder);
    }

    @ParameterizedTest
    @CsvSource({"cifar10, ''", "posthoc, ''", "vae, ''", "cifar10, '{\"event\":\"ru'"})
    void noWholeLine_isRefused(String program, String text) throws IOException {
        Files.writeString(folder.resolve("run.jsonl"), text);
        assertRefused(
                "--resume must be a run that has begun, got "
                        + folder
                        + ", whose run.jsonl has no whole line. Begin the run anew with its"
                        + " command",
                program,
                folder);
        assertEquals(text, Files.readString(folder.resolve("run.jsonl")));
    }

    /** The run gets as far as it can without images. */
    @ParameterizedTest
    @CsvSource({"cifar10, ''", "posthoc, ''", "vae, ''", "cifar10, '{\"event\":\"ru'"})
    void outWithoutWholeLine_isBegunAnew(String program, String text) throws IOException {
        Path out = Files.createDirectory(folder.resolve("out"));
        Files.writeString(out.resolve("run.jsonl"), text);
        Path data = folder.resolve("gone");
        assertRefused(
                "data folder must exist, got " + data,
                program,
                "--data",
                data.toString(),
                "--out",
                out.toString());
    }

    @Test
    void posthoc_outWithMoreThanALog_isRefused() throws IOException {
        Files.createFile(folder.resolve("run.jsonl"));
        Files.createFile(folder.resolve("README.md"));
        assertRefused(
                "--out must be a new folder, got " + folder,
                "posthoc",
                "--smoke",
                "--out",
                folder.toString());
    }

    @Test
    void logWithoutArgs_isRefused() throws IOException {
        write("cifar10", "--smoke");
        Path log = folder.resolve("run.jsonl");
        Files.writeString(
                log, Files.readString(log).replace("\"args\":[\"cifar10\",\"--smoke\"],", ""));
        assertRefused(
                "--resume must be a run whose log has the field args, got "
                        + folder
                        + " without it",
                "cifar10",
                folder);
    }

    @Test
    void argsOfAnotherVersion_areRefused() throws IOException {
        write("cifar10", "--smoke", "--sparkle");
        assertRefused(
                "args of the log must be those of this version, got Unknown option: '--sparkle'",
                "cifar10",
                folder);
    }

    @Test
    void runOfAnotherProgram_isRefused() throws IOException {
        write("posthoc", "--smoke");
        assertRefused(
                "--resume must be a run of cifar10, got " + folder + ", a run of posthoc",
                "cifar10",
                folder);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cifar10", "posthoc"})
    void runThatIsGoingOn_isRefused(String program) throws IOException {
        write(program, "--smoke");
        try (RunLog log = RunLog.open(folder)) {
            assertRefused(
                    "--resume must be a run that no other process is writing, got " + folder,
                    program,
                    folder);
            log.position();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "cifar10, --epochs 3, --epochs, 3",
        "cifar10, --batch-size 64, --batch-size, 64",
        "cifar10, --no-warmup, --warmup, false",
        "cifar10, --smoke, --smoke, true",
        "cifar10, --device CPU, --device, cpu",
        "cifar10, --threads 2, --threads, 2",
        "cifar10, --out other, --out, other",
        "cifar10, --keep-checkpoints 2, --keep-checkpoints, 2",
        "cifar10, --offline --seed 4, --seed, 4",
        "posthoc, --out other, --out, other",
        "posthoc, --data . --epochs 2, --epochs, 2"
    })
    void otherOption_isRefused(String program, String options, String name, String value) {
        assertRefused(
                name + " must be absent with --resume, got " + value,
                (program + " --resume " + folder + " " + options).split(" "));
    }

    @ParameterizedTest
    @CsvSource({
        "--checkpoint-every-steps, 0, 'at least 1, got 0'",
        "--keep-checkpoints, 0, 'at least 1, got 0'",
        "--checkpoint-minutes, 0, 'in [1e-6, 1e6], got 0.0'",
        "--checkpoint-minutes, NaN, 'in [1e-6, 1e6], got NaN'",
        "--checkpoint-minutes, 1e7, 'in [1e-6, 1e6], got 1.0E7'"
    })
    void badNumber_isRefused(String name, String value, String rule) {
        String out = folder.resolve("out").toString();
        for (String program : List.of("cifar10", "posthoc")) {
            assertRefused(name + " must be " + rule, program, "--smoke", "--out", out, name, value);
        }
    }

    @Test
    void outWithCheckpoints_isRefused() throws IOException {
        Files.createDirectory(folder.resolve("checkpoints"));
        assertRefused(
                "--out must be without checkpoints, got " + folder,
                "cifar10",
                "--smoke",
                "--out",
                folder.toString());
    }

    @Test
    void posthoc_withoutOut_isRefused() {
        assertRefused("Missing required option: '--out=DIR'", "posthoc", "--smoke");
    }

    /** The new place of the images is taken, and no other setting. */
    @Test
    void data_isTaken() throws IOException {
        write("cifar10", "--epochs", "2", "--data", folder.resolve("gone").toString());
        Path data = folder.resolve("moved");
        assertRefused(
                "data folder must exist, got " + data,
                "cifar10",
                "--resume",
                folder.toString(),
                "--data",
                data.toString());
        assertRefused("data folder must exist, got " + folder.resolve("gone"), "cifar10", folder);
    }

    private void write(String... args) throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(
                    new RunEvent.Started(
                            "2026-09-14T08:12:45Z",
                            String.join(" ", args),
                            List.of(args),
                            "title",
                            Map.of(),
                            List.of(0),
                            new RunEvent.Versions("1", null, false, "17", "0", "2", "Linux"),
                            new RunEvent.Hardware("CPU", 1, 1, 1, "cpu()", null),
                            new RunEvent.Data("CIFAR-10", "cache", 1, 1, Map.of()),
                            List.of("a", "b")));
        }
    }

    private static void assertRefused(String message, String program, Path run) {
        assertRefused(message, program, "--resume", run.toString());
    }

    private static void assertRefused(String message, String... args) {
        assertEquals(new Output(2, "", "error: " + message + "\n"), Output.of(args));
    }
}
