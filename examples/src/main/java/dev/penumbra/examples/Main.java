// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import dev.penumbra.checkpoint.CheckpointException;
import dev.penumbra.examples.benchmark.BenchmarkCommand;
import dev.penumbra.examples.benchmark.CheckpointBenchmarkCommand;
import dev.penumbra.examples.cifar10.PostHocCifar10;
import dev.penumbra.examples.cifar10.TrainCifar10WithEma;
import dev.penumbra.examples.data.DataException;
import dev.penumbra.examples.precision.PrecisionCommand;
import dev.penumbra.examples.report.ReportCommand;
import dev.penumbra.examples.report.RunLogException;
import dev.penumbra.examples.vae.TrainVaeWithEma;
import java.io.UncheckedIOException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * The entry point of the example programs.
 *
 * <p>The exit code is 0 after success, 2 if the user has to change something, which one line says,
 * and 1 after any other failure.
 */
@Command(
        name = "examples/run",
        description = "Trains real models with averaged weights and reports the results.",
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class,
        synopsisSubcommandLabel = "PROGRAM",
        commandListHeading = "%nPrograms:%n",
        subcommands = {
            PostHocCifar10.class,
            TrainCifar10WithEma.class,
            TrainVaeWithEma.class,
            PrecisionCommand.class,
            ReportCommand.class,
            BenchmarkCommand.class,
            CheckpointBenchmarkCommand.class
        })
public final class Main {

    private static final int USAGE = 2;

    private Main() {}

    /**
     * Runs a program and ends the process.
     *
     * @param args the command line
     */
    public static void main(String[] args) {
        // DJL asks the network who it runs for unless told not to.
        System.setProperty("OPT_OUT_TRACKING", "true");
        System.exit(run(args));
    }

    /**
     * Runs a program.
     *
     * @param args the command line
     * @return the exit code
     */
    public static int run(String... args) {
        CommandLine line = new CommandLine(new Main());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler(
                (e, unused) -> fail(line, String.valueOf(e.getMessage())));
        line.setExecutionExceptionHandler(
                (e, command, result) -> {
                    Throwable told = e instanceof UncheckedIOException io ? io.getCause() : e;
                    if (told instanceof UsageException
                            || told instanceof DataException
                            || told instanceof RunLogException
                            || told instanceof CheckpointException) {
                        return fail(line, String.valueOf(told.getMessage()));
                    }
                    throw e;
                });
        return args.length == 0 ? line.execute("--help") : line.execute(args);
    }

    private static int fail(CommandLine line, String message) {
        line.getErr().println("error: " + message);
        return USAGE;
    }
}
