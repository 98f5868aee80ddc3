// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.translate.TranslateException;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.ImageData;
import dev.penumbra.examples.report.Report;
import dev.penumbra.examples.report.Study;
import dev.penumbra.examples.report.StudyReport;
import dev.penumbra.examples.report.VaeReport;
import dev.penumbra.examples.report.VaeSummary;
import dev.penumbra.examples.run.Arguments;
import dev.penumbra.examples.run.RecipeOptions;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.examples.run.SeedTraining;
import dev.penumbra.examples.run.SeededProgram;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Trains a small KL-VAE and compares online with averaged weights. */
@Command(
        name = "vae",
        description = {
            "Trains a small KL-VAE and compares its online weights with their"
                    + " exponential moving average.",
            "Leaves a folder with the log, both models and a report to open in a browser."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class,
        sortOptions = false)
public final class TrainVaeWithEma extends SeededProgram<ImageData> {

    @Mixin private VaeOptions options = new VaeOptions();

    @Override
    public Integer call() throws IOException, TranslateException {
        Path resumed = options.run().checkpoints().resume();
        if (resumed != null && Study.isIn(resumed)) {
            Arguments.requireOnlyPlaces(spec());
            study(resumed, Study.read(resumed));
            return 0;
        }
        if (resumed != null || !options.isStudy()) {
            return super.call();
        }
        options.check();
        Study study =
                KlWeightStudy.of(
                        "Weights of the divergence in a KL-VAE on " + options.dataset().title(),
                        spec());
        Path folder = newFolder("vae-kl-weight", Study.FILE_NAME);
        study.write(folder);
        study(folder, study);
        return 0;
    }

    /** Begins or ends what is left of a study. */
    private void study(Path folder, Study study) throws IOException, TranslateException {
        try (Terminal terminal = new Terminal(spec().commandLine().getOut())) {
            for (Study.Member member : study.members()) {
                Path run = folder.resolve(member.folder());
                if (!StudyReport.isEnded(run)) {
                    terminal.println("== " + member.name() + ", " + member.group());
                    List<String> args = new ArrayList<>(study.args());
                    args.addAll(member.args());
                    if (!runPart(args, run, folder)) {
                        return;
                    }
                }
            }
            terminal.println("");
            terminal.println(StudyReport.write(folder));
            terminal.println("Report: " + folder.resolve(Report.FILE_NAME).toAbsolutePath());
        }
    }

    @Override
    protected RecipeOptions options() {
        return options;
    }

    @Override
    protected String title() {
        return "KL-VAE on " + options.dataset().title() + ": online and EMA weights";
    }

    @Override
    protected SeededProgram<ImageData> another() {
        return new TrainVaeWithEma();
    }

    @Override
    protected ImageData data(Terminal terminal) throws IOException {
        return options.dataset().images(options.run(), terminal);
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
