// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.precision;

import dev.penumbra.examples.Environment;
import dev.penumbra.examples.UsageException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Shows how far an average gets in each precision. */
@Command(
        name = "precision",
        description = {
            "Lets the average of a weight that jumped from 1 to 1.01 follow it for many updates,",
            "in each precision, and prints a Markdown table of what is missing."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class)
public final class PrecisionCommand implements Callable<Integer> {

    private static final float START = 1;
    private static final float TARGET = 1.01f;
    private static final double[] DECAYS = {0.999, 0.9999, 0.99999};

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--updates",
            paramLabel = "N",
            description = "Updates of each average (${DEFAULT-VALUE}).")
    private long updates = 300_000;

    @Override
    public Integer call() {
        if (updates < 1) {
            throw new UsageException("--updates must be at least 1, got " + updates);
        }
        Environment.useThreads(1);
        PrintWriter out = spec.commandLine().getOut();
        out.printf(
                Locale.ROOT, "%,d updates of the average of a weight at 1.01, from 1%n%n", updates);
        out.println("| precision | decay | average | exact | relative gap | way gone |");
        out.println("|---|---|---|---|---|---|");
        for (PrecisionExperiment.Setting setting : PrecisionExperiment.Setting.values()) {
            for (double decay : DECAYS) {
                PrecisionExperiment.Outcome outcome =
                        PrecisionExperiment.run(setting, decay, START, TARGET, updates);
                out.printf(
                        Locale.ROOT,
                        "| %s | %s | %.10f | %.10f | %.1e | %.2f %% |%n",
                        setting.title(),
                        decay,
                        outcome.average(),
                        outcome.exact(),
                        outcome.relativeGap(),
                        100 * outcome.travelled(START));
                out.flush();
            }
        }
        return 0;
    }
}
