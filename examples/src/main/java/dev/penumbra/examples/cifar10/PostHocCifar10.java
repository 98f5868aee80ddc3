// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.ResumeHint;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.DataRequest;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.run.Arguments;
import dev.penumbra.examples.run.CheckpointOptions;
import dev.penumbra.examples.run.FirstLine;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Compares averages synthesized after the training with averages tracked during it. */
@Command(
        name = "posthoc",
        description = {
            "Trains a small network on CIFAR-10 while it tracks averages of two relative widths,",
            "makes averages of other widths from their snapshots, and compares those with averages",
            "that were tracked directly. Every average is updated each 1, 10 and 100 steps."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class,
        sortOptions = false)
public final class PostHocCifar10 implements Callable<Integer> {

    private static final String README = "README.md";

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(names = "--epochs", paramLabel = "N", description = "Epochs (${DEFAULT-VALUE}).")
    private int epochs = 10;

    @Option(
            names = "--snapshot-every",
            paramLabel = "N",
            description = "Steps between two snapshots (${DEFAULT-VALUE}).")
    private int snapshotEvery = 400;

    @Option(names = "--seed", paramLabel = "N", description = "Seed (${DEFAULT-VALUE}).")
    private int seed;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads of one operation (one per core).")
    private @Nullable Integer threads;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description =
                    "Folder with CIFAR-10 in its binary version, or in DJL's layout (downloaded).")
    private @Nullable Path data;

    @Option(names = "--offline", description = "Do not download anything.")
    private boolean offline;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder for the report and the snapshots, which must be new (required).")
    private @Nullable Path out;

    @Mixin private CheckpointOptions checkpoints = new CheckpointOptions();

    @Option(
            names = "--smoke",
            description = "One epoch on a sample of 1,000 images, to see that everything works.")
    private boolean smoke;

    private final List<AfterStep> observers = new ArrayList<>();

    /** Adds what runs after each step. */
    void observe(AfterStep observer) {
        observers.add(observer);
    }

    @Override
    public Integer call() throws IOException, TranslateException, MalformedModelException {
        Path resumed = checkpoints.resume();
        try (Terminal terminal = new Terminal(spec.commandLine().getOut())) {
            if (resumed == null) {
                begin(terminal);
            } else {
                resume(resumed, terminal);
            }
        }
        return 0;
    }

    private void begin(Terminal terminal)
            throws IOException, TranslateException, MalformedModelException {
        prepare();
        Path folder = newFolder();
        Cifar10Data images = images(terminal);
        create(folder);
        PostHocRun.Settings settings = settings(folder);
        RunEvent.Started start =
                new FirstLine(spec, images, Engine.getInstance().defaultDevice())
                        .event("Post-hoc averages on CIFAR-10", settings.config(), List.of(seed));
        try (RunFolder run = RunFolder.begin(folder, start)) {
            run(run, start.command(), images, terminal);
        }
    }

    private void resume(Path path, Terminal terminal)
            throws IOException, TranslateException, MalformedModelException {
        Arguments.requireOnlyPlaces(spec);
        try (RunFolder run = RunFolder.resume(path, spec.name())) {
            if (run.isEnded()) {
                terminal.println("Nothing to resume: the run has ended");
                terminal.println(Files.readString(path.resolve(README)));
                return;
            }
            PostHocCifar10 program = new PostHocCifar10();
            Arguments.parse(program, run.start().args());
            program.data = data == null ? program.data : data;
            program.offline |= offline;
            program.observers.addAll(observers);
            program.prepare();
            program.run(run, run.start().command(), program.images(terminal), terminal);
        }
    }

    private void prepare() {
        checkpoints.check();
        requireAtLeast("--epochs", epochs);
        requireAtLeast("--snapshot-every", snapshotEvery);
        if (threads != null) {
            requireAtLeast("--threads", threads);
            Environment.useThreads(threads);
        }
    }

    private Path newFolder() throws IOException {
        if (out == null) {
            throw new UsageException("Missing required option: '--out=DIR'");
        }
        if (Files.exists(out) && !RunFolder.isUnbegun(out)) {
            throw new UsageException("--out must be a new folder, got " + out);
        }
        return out;
    }

    private Cifar10Data images(Terminal terminal) throws IOException {
        Cifar10Data images =
                smoke
                        ? Cifar10Data.sample()
                        : Cifar10Data.resolve(
                                new DataRequest(data, offline), new DownloadProgress(terminal));
        Environment.requireRightConvolutions(Engine.getInstance().defaultDevice());
        return images;
    }

    private PostHocRun.Settings settings(Path folder) {
        return smoke
                ? new PostHocRun.Settings(1, 4, seed, List.of(1, 2, 5), folder)
                : new PostHocRun.Settings(epochs, snapshotEvery, seed, List.of(1, 10, 100), folder);
    }

    private void run(RunFolder folder, String command, Cifar10Data images, Terminal terminal)
            throws IOException, TranslateException, MalformedModelException {
        PostHocRun.Settings settings = settings(folder.path());
        try (ResumeHint hint = new ResumeHint(terminal, Arguments.resume(spec, folder.path()))) {
            List<PostHocRow> rows;
            try (PostHocRun run = new PostHocRun(settings, images, terminal, folder, checkpoints)) {
                observers.forEach(run::observe);
                if (!run.train()) {
                    hint.print();
                    return;
                }
                rows = run.compare();
            }
            String report = PostHocRow.report(rows, settings, command);
            AtomicFile.writeString(folder.path().resolve(README), report);
            folder.end();
            if (!checkpoints.keepsAll()) {
                folder.deleteCheckpoints(seed);
            }
            terminal.println(report);
        }
    }

    private static void create(Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (IOException e) {
            throw new UsageException("--out must be a folder that can be written, got " + folder);
        }
    }

    private static void requireAtLeast(String name, int value) {
        if (value < 1) {
            throw new UsageException(name + " must be at least 1, got " + value);
        }
    }
}
