// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.report.Report;
import dev.penumbra.examples.report.Summary;
import dev.penumbra.examples.run.RecipeOptions;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.examples.run.SeedTraining;
import dev.penumbra.examples.run.SeededProgram;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

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
public final class TrainCifar10WithEma extends SeededProgram<Cifar10Data> {

    @Mixin private Cifar10Options options = new Cifar10Options();

    @Override
    protected RecipeOptions options() {
        return options;
    }

    @Override
    protected String title() {
        return "CIFAR-10: online and EMA weights";
    }

    @Override
    protected SeededProgram<Cifar10Data> another() {
        return new TrainCifar10WithEma();
    }

    @Override
    protected Cifar10Data data(Terminal terminal) throws IOException {
        return options.run().smoke()
                ? Cifar10Data.sample()
                : Cifar10Data.resolve(options.run().request(), new DownloadProgress(terminal));
    }

    @Override
    protected SeedTraining training(int seed, Cifar10Data data, RunFolder folder, Terminal terminal)
            throws IOException {
        return new SeedRun(seed, options, data, folder, terminal);
    }

    @Override
    protected void report(Path folder, Terminal terminal) throws IOException {
        Summary summary = Report.write(folder);
        terminal.println("");
        terminal.println(summary.headline());
        terminal.println("");
        terminal.println(summary.terminalTable());
        terminal.println("Report: " + folder.resolve(Report.FILE_NAME).toAbsolutePath());
    }
}
