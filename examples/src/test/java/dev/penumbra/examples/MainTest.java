// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.engine.Engine;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

    private static final String VERSION =
            "Penumbra unpackaged, DJL " + Engine.getDjlVersion() + "\n";

    @TempDir Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"", "-h", "--help"})
    void main_help_namesEveryProgram(String option) {
        Output output = option.isEmpty() ? Output.of() : Output.of(option);
        assertEquals(0, output.code());
        assertEquals("", output.err());
        assertTrue(output.out().startsWith("Usage: examples/run [-hV] PROGRAM\n"), output.out());
        assertShows(output.out(), "-h, --help", "-V, --version", "cifar10", "report");
    }

    @Test
    void cifar10_help_showsEveryOption() {
        Output output = Output.of("cifar10", "--help");
        assertEquals(0, output.code());
        assertEquals("", output.err());
        assertShows(
                output.out(),
                "--epochs=N             Epochs (10; 1 with --smoke).",
                "--batch-size=N         Images per batch (64).",
                "--lr=X                 Learning rate of the first epoch (0.001).",
                "--min-lr=X             Least learning rate of the cosine (1.0E-4).",
                "--weight-decay=X       Weight decay of AdamW (0.01).",
                "--decay=X              Decay of the average, in [0, 1) (0.9998).",
                "--[no-]warmup          Let the decay rise from 0",
                "--warmup-gamma=X       Scale of the warmup in steps (1.0).",
                "--warmup-power=X       Speed of the warmup (2/3).",
                "--seed=N               Seed of the first run (0).",
                "--seeds=K              Number of runs, with seeds one after the other (1).",
                "--device=auto|cpu|gpu  Where to train",
                "--threads=N            Threads of one operation (one per core).",
                "--data=DIR             Folder with the images",
                "--offline              Do not download anything.",
                "--out=DIR              Folder for log, report and models",
                "--resume=RUN           Go on with the interrupted run in this folder",
                "--checkpoint-every-steps=N\n",
                "--checkpoint-minutes=X Save a checkpoint X minutes after the latest, too",
                "--keep-checkpoints=K   Keep the latest K checkpoints",
                "--smoke                One epoch on a sample of 1,000 images",
                "-h, --help",
                "-V, --version");
    }

    @Test
    void report_help_showsEveryOption() {
        Output output = Output.of("report", "--help");
        assertEquals(0, output.code());
        assertEquals("", output.err());
        assertShows(output.out(), "FOLDER", "--markdown", "-h, --help", "-V, --version");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--version", "-V", "cifar10 --version", "report --version"})
    void version_printed(String line) {
        assertEquals(new Output(0, VERSION, ""), Output.of(line.split(" ")));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            textBlock =
                    """
                    --bogus              | Unknown option: '--bogus'
                    extra                | Unmatched argument at index 4: 'extra'
                    --epochs             | Missing required parameter for option '--epochs' (N)
                    --epochs ten         | Invalid value for option '--epochs': 'ten' is not an int
                    --epochs 1.5         | Invalid value for option '--epochs': '1.5' is not an int
                    --lr fast            | Invalid value for option '--lr': 'fast' is not a double
                    --epochs 0           | --epochs must be at least 1, got 0
                    --epochs -3          | --epochs must be at least 1, got -3
                    --batch-size 0       | --batch-size must be at least 1, got 0
                    --seeds 0            | --seeds must be at least 1, got 0
                    --seed -1            | --seed must be at least 0, got -1
                    --threads 0          | --threads must be at least 1, got 0
                    --lr 0               | --lr must be finite and above 0, got 0.0
                    --lr NaN             | --lr must be finite and above 0, got NaN
                    --lr Infinity        | --lr must be finite and above 0, got Infinity
                    --min-lr 0.01        | --min-lr must be in [0, 0.001], got 0.01
                    --min-lr -1          | --min-lr must be in [0, 0.001], got -1.0
                    --min-lr NaN         | --min-lr must be in [0, 0.001], got NaN
                    --weight-decay -1    | --weight-decay must be finite and at least 0, got -1.0
                    --decay 1.0          | decay must be in [0, 1), got 1.0
                    --decay -0.1         | decay must be in [0, 1), got -0.1
                    --no-warmup --decay 1| decay must be in [0, 1), got 1.0
                    --warmup-gamma 0     | gamma must be finite and above 0, got 0.0
                    --warmup-power 0     | power must be finite and above 0, got 0.0
                    """)
    void cifar10_badOption_oneLine(String options, String message) throws IOException {
        assertRefused(message, cifar10(options));
        assertNothingWritten();
    }

    @Test
    void cifar10_unknownDevice_oneLine() throws IOException {
        assertRefused(
                "Invalid value for option '--device': expected one of [AUTO, CPU, GPU]"
                        + " (case-insensitive) but was 'tpu'",
                cifar10("--device tpu"));
        assertNothingWritten();
    }

    /** The help writes the names of devices in lower case. */
    @Test
    void cifar10_gpuWithoutGpu_oneLine() throws IOException {
        Assumptions.assumeTrue(Engine.getInstance().getGpuCount() == 0);
        assertRefused(
                "--device must be auto or cpu without a CUDA GPU, got gpu",
                cifar10("--device gpu"));
        assertNothingWritten();
    }

    /** The last seed would be above the largest int. */
    @Test
    void cifar10_seedsAboveInt_oneLine() throws IOException {
        Output output = cifar10("--seed 2147483647 --seeds 2");
        assertEquals(2, output.code());
        assertTrue(output.err().matches("error: --seed.* got .*2147483647.*\n"), output.err());
        assertEquals("", output.out());
        assertNothingWritten();
    }

    @Test
    void cifar10_dataFolderMissing_oneLine() throws IOException {
        Path data = folder.resolve("none");
        assertRefused("data folder must exist, got " + data, train(data));
        assertNothingWritten();
    }

    @Test
    void cifar10_dataFolderEmpty_oneLine() throws IOException {
        assertRefused(
                "data folder must contain data_batch.bin or data_batch_1.bin, got "
                        + folder
                        + " without them",
                train(folder));
        assertNothingWritten();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    153649999 | must be a multiple of 3073 bytes, got 153649999
                    153646927 | must be 153650000 bytes, got 153646927
                    0         | must be 153650000 bytes, got 0
                    """)
    void cifar10_dataTruncated_oneLine(long size, String rule) throws IOException {
        Path data = data("data_batch.bin", size);
        zeros(data.resolve("test_batch.bin"), 30_730_000);
        assertRefused("size of " + data.resolve("data_batch.bin") + " " + rule, train(data));
        assertNothingWritten("data");
    }

    @Test
    void cifar10_testFileMissing_oneLine() throws IOException {
        Path data = data("data_batch.bin", 153_650_000);
        assertRefused(
                "data folder must contain test_batch.bin, got " + data + " without it",
                train(data));
        assertNothingWritten("data");
    }

    /** The wrong sum is that of {@code head -c 30730000 /dev/zero | md5sum}. */
    @Test
    void cifar10_wrongMd5_oneLine() throws IOException {
        Path data = data("data_batch.bin", 153_650_000);
        zeros(data.resolve("test_batch.bin"), 30_730_000);
        assertRefused(
                "MD5 of data_batch_1.bin in "
                        + data.resolve("data_batch.bin")
                        + " must be 5dd7e06a14cb22eb9f671a540d1b7c25,"
                        + " got 229a4f9bbbc879e7371f2391ac1f4775",
                train(data));
        assertNothingWritten("data");
    }

    @Test
    void cifar10_wrongMd5InBinaryVersion_oneLine() throws IOException {
        Path data = data("data_batch_1.bin", 30_730_000);
        for (String name : List.of("data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin")) {
            zeros(data.resolve(name), 30_730_000);
        }
        zeros(data.resolve("data_batch_5.bin"), 30_730_000);
        zeros(data.resolve("test_batch.bin"), 30_730_000);
        assertRefused(
                "MD5 of "
                        + data.resolve("data_batch_1.bin")
                        + " must be 5dd7e06a14cb22eb9f671a540d1b7c25,"
                        + " got 229a4f9bbbc879e7371f2391ac1f4775",
                train(data));
        assertNothingWritten("data");
    }

    @ParameterizedTest
    @ValueSource(strings = {"file", "file/out", "file/a/b"})
    void cifar10_outBelowFile_oneLine(String name) throws IOException {
        Files.writeString(folder.resolve("file"), "content");
        Path out = folder.resolve(name);
        assertRefused(
                "--out must be a folder that can be written, got " + out,
                Output.of("cifar10", "--smoke", "--out", out.toString()));
        assertNothingWritten("file");
        assertEquals("content", Files.readString(folder.resolve("file")));
    }

    /** Root may write anywhere, and Windows ignores the attribute of a folder. */
    @ParameterizedTest
    @ValueSource(strings = {"closed", "closed/out"})
    void cifar10_outNotWritable_oneLine(String name) throws IOException {
        Path closed = Files.createDirectory(folder.resolve("closed"));
        boolean changed = closed.toFile().setWritable(false);
        try {
            Assumptions.assumeTrue(changed && !Files.isWritable(closed));
            Path out = folder.resolve(name);
            assertRefused(
                    "--out must be a folder that can be written, got " + out,
                    Output.of("cifar10", "--smoke", "--out", out.toString()));
            assertNothingWritten("closed");
        } finally {
            assertTrue(closed.toFile().setWritable(true));
        }
    }

    @Test
    void cifar10_outHasLog_oneLineAndLogKept() throws IOException {
        Path out = Files.createDirectory(folder.resolve("out"));
        Files.writeString(out.resolve("run.jsonl"), "a day's work");
        assertRefused("--out must be without a run.jsonl, got " + out, cifar10(""));
        assertNothingWritten("out", "out/run.jsonl");
        assertEquals("a day's work", Files.readString(out.resolve("run.jsonl")));
    }

    @Test
    void unknownProgram_oneLine() throws IOException {
        assertRefused("Unmatched argument at index 0: 'train'", Output.of("train"));
        assertRefused("Unknown option: '--bogus'", Output.of("--bogus"));
    }

    @Test
    void report_noLog_oneLine() throws IOException {
        assertRefused(
                "FOLDER must contain run.jsonl, got " + folder,
                Output.of("report", folder.toString()));
        Path none = folder.resolve("none");
        assertRefused(
                "FOLDER must contain run.jsonl, got " + none, Output.of("report", none.toString()));
        assertRefused("Missing required parameter: 'FOLDER'", Output.of("report"));
        assertNothingWritten();
    }

    /** The process ends with the code, and loading the engine adds nothing to the output. */
    @Test
    void main_badInput_exitCode() throws IOException, InterruptedException {
        Path none = folder.resolve("none");
        List<String> command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        "cifar10",
                        "--data",
                        none.toString(),
                        "--out",
                        folder.resolve("out").toString());
        Path out = folder.resolve("stdout");
        Path err = folder.resolve("stderr");
        ProcessBuilder builder = new ProcessBuilder(command);
        // The virtual machine reports it on standard error.
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        int code =
                builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start().waitFor();
        assertEquals("", Files.readString(out, StandardCharsets.UTF_8));
        assertEquals(
                "error: data folder must exist, got " + none + System.lineSeparator(),
                Files.readString(err, StandardCharsets.UTF_8));
        assertEquals(2, code);
        assertNothingWritten("stderr", "stdout");
    }

    /** Runs with more options; should they be accepted, the run is short. */
    private Output cifar10(String options) {
        List<String> args = new ArrayList<>();
        args.addAll(List.of("cifar10", "--smoke", "--out", folder.resolve("out").toString()));
        if (!options.isEmpty()) {
            args.addAll(List.of(options.split(" ")));
        }
        return Output.of(args.toArray(String[]::new));
    }

    private Output train(Path data) {
        return Output.of(
                "cifar10", "--data", data.toString(), "--out", folder.resolve("out").toString());
    }

    private Path data(String file, long size) throws IOException {
        Path data = Files.createDirectory(folder.resolve("data"));
        zeros(data.resolve(file), size);
        return data;
    }

    /** Makes a file that takes no space where the file system allows it. */
    private static void zeros(Path file, long size) throws IOException {
        try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
            access.setLength(size);
        }
    }

    private static void assertRefused(String message, Output output) {
        assertEquals(new Output(2, "", "error: " + message + "\n"), output);
    }

    private void assertNothingWritten(String... but) throws IOException {
        try (Stream<Path> paths = Files.walk(folder)) {
            List<String> names =
                    paths.map(path -> folder.relativize(path).toString().replace('\\', '/'))
                            .filter(name -> !name.isEmpty() && !name.startsWith("data/"))
                            .sorted()
                            .toList();
            assertEquals(List.of(but), names);
        }
    }

    private static void assertShows(String text, String... parts) {
        for (String part : parts) {
            assertTrue(text.contains(part), () -> part + " in " + text);
        }
    }
}
