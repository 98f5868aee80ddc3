// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import dev.penumbra.examples.report.Study;
import dev.penumbra.examples.run.RunOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The study of the weight of the divergence: what each of its runs is given. */
final class KlWeightStudy {

    /** What a study decides itself, and what it takes for its own. */
    private static final List<String> DECIDED = List.of("--kl-weight", "--kl-annealing", "--beta1");

    private static final List<String> OWN = List.of("--study", "--out");

    private static final List<Double> BETAS = List.of(0.9, 0.5);

    /** A weight and how it is reached. */
    private record Setting(VaeOptions.Annealing annealing, String weight) {}

    private static final List<Setting> SETTINGS =
            List.of(
                    new Setting(VaeOptions.Annealing.CONSTANT, "0.001"),
                    new Setting(VaeOptions.Annealing.CONSTANT, "0.01"),
                    new Setting(VaeOptions.Annealing.MONOTONE, "0.01"),
                    new Setting(VaeOptions.Annealing.CYCLICAL, "0.01"),
                    new Setting(VaeOptions.Annealing.CONSTANT, "1"));

    private KlWeightStudy() {}

    /**
     * Makes the study of a command line.
     *
     * @param title what it is called
     * @param spec the program with its command line
     * @throws dev.penumbra.examples.UsageException if an option is given that the study decides
     */
    static Study of(String title, CommandSpec spec) {
        for (OptionSpec option : spec.commandLine().getParseResult().matchedOptions()) {
            String name = option.longestName();
            RunOptions.require(
                    !DECIDED.contains(name),
                    name + " must be absent with --study, got " + option.getValue());
        }
        return new Study(title, shared(spec), members());
    }

    private static List<Study.Member> members() {
        List<Study.Member> members = new ArrayList<>();
        for (double beta : BETAS) {
            for (Setting setting : SETTINGS) {
                String annealing = setting.annealing().name().toLowerCase(Locale.ROOT);
                String name = annealing + " " + setting.weight();
                members.add(
                        new Study.Member(
                                annealing + "-" + setting.weight() + "-beta1-" + beta,
                                "β₁ " + beta,
                                name,
                                List.of(
                                        "--kl-annealing=" + annealing,
                                        "--kl-weight=" + setting.weight(),
                                        "--beta1=" + beta)));
            }
        }
        return members;
    }

    /** The options that go to every run as they were given. */
    private static List<String> shared(CommandSpec spec) {
        List<String> shared = new ArrayList<>();
        List<String> args = spec.commandLine().getParseResult().originalArgs();
        for (int i = args.get(0).equals(spec.name()) ? 1 : 0; i < args.size(); i++) {
            String arg = args.get(i);
            if (OWN.contains(arg)) {
                i++;
            } else if (OWN.stream().noneMatch(own -> arg.startsWith(own + "="))) {
                shared.add(arg);
            }
        }
        return shared;
    }
}
