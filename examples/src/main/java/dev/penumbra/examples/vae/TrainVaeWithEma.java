// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import dev.penumbra.examples.DownloadProgress;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.ImageData;
import dev.penumbra.examples.report.Report;
import dev.penumbra.examples.report.VaeReport;
import dev.penumbra.examples.report.VaeSummary;
import dev.penumbra.examples.run.RecipeOptions;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.examples.run.SeedTraining;
import dev.penumbra.examples.run.SeededProgram;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Trains a small KL-VAE and compares online with averaged weights. */
@Command(
        name = "vae",
        description = {
            "Trains a small KL-VAE on CIFAR-10 and compares its online weights with their"
                    + " exponential moving average.",
            "Leaves a folder with the log, both models and a report to open in a browser."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class,
        sortOptions = false)
public final class TrainVaeWithEma extends SeededProgram<ImageData> {

    @Mixin private VaeOptions options = new VaeOptions();

    @Override
    protected RecipeOptions options() {
        return options;
    }

    @Override
    protected String title() {
        return "KL-VAE on CIFAR-10: online and EMA weights";
    }

    @Override
    protected SeededProgram<ImageData> another() {
        return new TrainVaeWithEma();
    }

    @Override
    protected ImageData data(Terminal terminal) throws IOException {
        return options.run().smoke()
                ? Cifar10Data.sample()
                : Cifar10Data.resolve(options.run().request(), new DownloadProgress(terminal));
    }

    @Override
    protected SeedTraining training(int seed, ImageData data, RunFolder folder, Terminal terminal)
            throws IOException {
        return new VaeSeedRun(seed, options, data, folder, terminal);
    }

    @Override
    protected void report(Path folder, Terminal terminal) throws IOException {
        VaeSummary summary = VaeReport.write(folder);
        terminal.println("");
        terminal.println(summary.headline());
        terminal.println("");
        terminal.println(summary.terminalTable());
        terminal.println("Report: " + folder.resolve(Report.FILE_NAME).toAbsolutePath());
    }
}
