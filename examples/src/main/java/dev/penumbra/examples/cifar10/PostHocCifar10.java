// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.MalformedModelException;
import ai.djl.translate.TranslateException;
import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Request;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Compares averages synthesised after the training with averages tracked during it. */
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
            required = true,
            description = "Folder for the report and the snapshots, which must be new.")
    private Path out = Path.of(".");

    @Option(
            names = "--smoke",
            description = "One epoch on a sample of 1,000 images, to see that everything works.")
    private boolean smoke;

    @Override
    public Integer call() throws IOException, TranslateException, MalformedModelException {
        requireAtLeast("--epochs", epochs);
        requireAtLeast("--snapshot-every", snapshotEvery);
        if (threads != null) {
            requireAtLeast("--threads", threads);
            Environment.useThreads(threads);
        }
        if (Files.exists(out)) {
            throw new UsageException("--out must be a new folder, got " + out);
        }
        try (Terminal terminal = new Terminal(spec.commandLine().getOut())) {
            Cifar10Data images =
                    smoke
                            ? Cifar10Data.sample()
                            : Cifar10Data.resolve(
                                    new Cifar10Request(data, offline),
                                    new DownloadProgress(terminal));
            createOut();
            PostHocRun.Settings settings =
                    smoke
                            ? new PostHocRun.Settings(1, 4, seed, List.of(1, 2, 5), out)
                            : new PostHocRun.Settings(
                                    epochs, snapshotEvery, seed, List.of(1, 10, 100), out);
            List<PostHocRow> rows;
            try (PostHocRun run = new PostHocRun(settings, images, terminal)) {
                rows = run.run();
            }
            String command =
                    "examples/run "
                            + String.join(" ", spec.commandLine().getParseResult().originalArgs());
            String report = PostHocRow.report(rows, settings, command);
            Files.writeString(out.resolve("README.md"), report);
            terminal.println(report);
        }
        return 0;
    }

    private void createOut() {
        try {
            Files.createDirectories(out);
        } catch (IOException e) {
            throw new UsageException("--out must be a folder that can be written, got " + out);
        }
    }

    private static void requireAtLeast(String name, int value) {
        if (value < 1) {
            throw new UsageException(name + " must be at least 1, got " + value);
        }
    }
}
