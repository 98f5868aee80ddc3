// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.Device;
import ai.djl.translate.TranslateException;
import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Request;
import dev.penumbra.examples.report.Report;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.report.RunLog;
import dev.penumbra.examples.report.Summary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Trains the classifier of PyTorch's tutorial and compares online with averaged weights. */
@Command(
        name = "cifar10",
        description = {
            "Trains a small network on CIFAR-10 and compares its online weights with their"
                    + " exponential moving average.",
            "Leaves a folder with the log, both models and a report to open in a browser."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class,
        sortOptions = false)
public final class TrainCifar10WithEma implements Callable<Integer> {

    private static final int RECORD = 3073;

    @Spec private CommandSpec spec = CommandSpec.create();

    @Mixin private Cifar10Options options = new Cifar10Options();

    @Override
    public Integer call() throws IOException, TranslateException {
        options.check();
        Integer threads = options.threads();
        if (threads != null) {
            Environment.useThreads(threads);
        }
        Device device = options.device();
        try (Terminal terminal = new Terminal(spec.commandLine().getOut())) {
            Cifar10Data data = data(terminal);
            Path folder = newFolder();
            Summary summary = run(folder, data, device, terminal);
            terminal.println("");
            terminal.println(summary.headline());
            terminal.println("");
            terminal.println(summary.terminalTable());
            terminal.println("Report: " + folder.resolve(Report.FILE_NAME).toAbsolutePath());
        }
        return 0;
    }

    private Cifar10Data data(Terminal terminal) throws IOException {
        if (options.smoke()) {
            return Cifar10Data.sample();
        }
        Cifar10Request request = new Cifar10Request(options.data(), options.offline());
        return Cifar10Data.resolve(request, new DownloadProgress(terminal));
    }

    private Path newFolder() {
        Path out = options.out();
        if (out == null) {
            String time =
                    DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")
                            .format(LocalDateTime.now(ZoneId.systemDefault()));
            out = Path.of("runs", "cifar10-" + time);
        }
        if (Files.exists(out.resolve(RunLog.FILE_NAME))) {
            throw new UsageException(
                    "--out must be without a " + RunLog.FILE_NAME + ", got " + out);
        }
        try {
            Files.createDirectories(out);
        } catch (IOException e) {
            throw new UsageException("--out must be a folder that can be written, got " + out);
        }
        if (!Files.isWritable(out)) {
            throw new UsageException("--out must be a folder that can be written, got " + out);
        }
        return out;
    }

    private Summary run(Path folder, Cifar10Data data, Device device, Terminal terminal)
            throws IOException, TranslateException {
        long begin = System.nanoTime();
        try (RunLog log = RunLog.open(folder)) {
            log.append(started(data, device));
            for (int seed : options.seeds()) {
                try (SeedRun run = new SeedRun(seed, options, data, log, terminal, device)) {
                    run.run(folder.resolve("models").resolve("seed-" + seed));
                }
            }
            log.append(new RunEvent.Ended((System.nanoTime() - begin) / 1e9));
        }
        return Report.write(folder);
    }

    private RunEvent.Started started(Cifar10Data data, Device device) throws IOException {
        int train = images(data, "data_batch.bin");
        int batches = 1 + (train - 1) / options.batchSize();
        return new RunEvent.Started(
                Instant.now().toString(),
                "examples/run "
                        + String.join(" ", spec.commandLine().getParseResult().originalArgs()),
                "CIFAR-10: online and EMA weights",
                options.config(batches),
                Arrays.stream(options.seeds()).boxed().toList(),
                Environment.versions(),
                Environment.hardware(device),
                new RunEvent.Data(
                        "CIFAR-10",
                        data.source(),
                        train,
                        images(data, "test_batch.bin"),
                        data.checksums()),
                Cifar10Data.CLASSES);
    }

    private static int images(Cifar10Data data, String file) throws IOException {
        return Math.toIntExact(Files.size(data.folder().resolve(file)) / RECORD);
    }
}
