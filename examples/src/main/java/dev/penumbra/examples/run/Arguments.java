// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.examples.UsageException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The command line of a run, which is kept so that the run can go on with the same. */
public final class Arguments {

    private static final List<String> PLACES = List.of("--resume", "--data", "--offline");

    private Arguments() {}

    /** The program's name and everything after it. */
    public static List<String> of(CommandSpec spec) {
        List<String> args = new ArrayList<>(spec.commandLine().getParseResult().originalArgs());
        if (args.isEmpty() || !args.get(0).equals(spec.name())) {
            args.add(0, spec.name());
        }
        return args;
    }

    /** The command line in one text. */
    public static String command(CommandSpec spec) {
        return "examples/run " + String.join(" ", of(spec));
    }

    /** The command line that goes on with a run. */
    public static String resume(CommandSpec spec, Path folder) {
        String path = folder.toString();
        String word = path.contains(" ") ? '"' + path + '"' : path;
        return "examples/run " + spec.name() + " --resume " + word;
    }

    /**
     * Gives a program the options of an earlier run.
     *
     * @param program the program
     * @param args what {@link #of} has returned then
     */
    public static void parse(Object program, List<String> args) {
        CommandLine line = new CommandLine(program);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        try {
            line.parseArgs(args.subList(1, args.size()).toArray(String[]::new));
        } catch (CommandLine.ParameterException e) {
            throw new UsageException(
                    "args of the log must be those of this version, got " + e.getMessage());
        }
    }

    /** Refuses options beside the folder of a run that goes on, which has its own. */
    public static void requireOnlyPlaces(CommandSpec spec) {
        for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
            if (!PLACES.contains(option.longestName())) {
                Object value = option.getValue();
                String text =
                        value instanceof Enum<?> choice
                                ? choice.name().toLowerCase(Locale.ROOT)
                                : String.valueOf(value);
                throw new UsageException(
                        option.longestName() + " must be absent with --resume, got " + text);
            }
        }
    }
}
