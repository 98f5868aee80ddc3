// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.Device;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.ResumeHint;
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
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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

    @Spec private CommandSpec spec = CommandSpec.create();

    @Mixin private Cifar10Options options = new Cifar10Options();

    private final List<AfterStep> observers = new ArrayList<>();

    /** Adds what runs after each step. */
    void observe(AfterStep observer) {
        observers.add(observer);
    }

    @Override
    public Integer call() throws IOException, TranslateException {
        Path resumed = options.checkpoints().resume();
        try (Terminal terminal = new Terminal(spec.commandLine().getOut())) {
            if (resumed == null) {
                begin(terminal);
            } else {
                resume(resumed, terminal);
            }
        }
        return 0;
    }

    private void begin(Terminal terminal) throws IOException, TranslateException {
        Device device = prepare();
        Cifar10Data data = data(terminal);
        try (RunFolder folder = RunFolder.begin(newFolder(), started(data, device))) {
            run(folder, data, device, terminal);
        }
    }

    private void resume(Path path, Terminal terminal) throws IOException, TranslateException {
        Arguments.requireOnlyPlaces(spec);
        try (RunFolder folder = RunFolder.resume(path, spec.name())) {
            if (folder.isEnded()) {
                terminal.println("Nothing to resume: the run has ended");
                report(path, terminal);
                return;
            }
            TrainCifar10WithEma program = new TrainCifar10WithEma();
            Arguments.parse(program, folder.start().args());
            program.options.locate(options);
            program.observers.addAll(observers);
            Device device = program.prepare();
            program.run(folder, program.data(terminal), device, terminal);
        }
    }

    /** Checks the options and starts the engine. */
    private Device prepare() {
        options.check();
        Integer threads = options.threads();
        if (threads != null) {
            Environment.useThreads(threads);
        }
        return options.device();
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

    private void run(RunFolder folder, Cifar10Data data, Device device, Terminal terminal)
            throws IOException, TranslateException {
        try (ResumeHint hint = new ResumeHint(terminal, Arguments.resume(spec, folder.path()))) {
            for (int seed : options.seeds()) {
                if (!folder.isEnded(seed) && !train(seed, folder, data, device, terminal)) {
                    hint.print();
                    return;
                }
                if (!options.checkpoints().keepsAll()) {
                    folder.deleteCheckpoints(seed);
                }
            }
            folder.end();
        }
        report(folder.path(), terminal);
    }

    private boolean train(
            int seed, RunFolder folder, Cifar10Data data, Device device, Terminal terminal)
            throws IOException, TranslateException {
        try (SeedRun run = new SeedRun(seed, options, data, folder, terminal, device)) {
            observers.forEach(run::observe);
            return run.run(folder.path().resolve("models").resolve("seed-" + seed));
        }
    }

    private static void report(Path folder, Terminal terminal) throws IOException {
        Summary summary = Report.write(folder);
        terminal.println("");
        terminal.println(summary.headline());
        terminal.println("");
        terminal.println(summary.terminalTable());
        terminal.println("Report: " + folder.resolve(Report.FILE_NAME).toAbsolutePath());
    }

    private RunEvent.Started started(Cifar10Data data, Device device) throws IOException {
        FirstLine line = new FirstLine(spec, data, device);
        int batches = 1 + (line.trainingImages() - 1) / options.batchSize();
        return line.event(
                "CIFAR-10: online and EMA weights",
                options.config(batches),
                Arrays.stream(options.seeds()).boxed().toList());
    }
}
