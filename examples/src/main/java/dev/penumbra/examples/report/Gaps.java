// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.ArrayList;
import java.util.List;

/** Says what an interrupted run lacks. */
final class Gaps {

    private Gaps() {}

    /** Returns a clause for each thing that is missing. */
    static List<String> of(Run run, int lastEpoch) {
        int planned = planned(run, lastEpoch);
        List<String> gaps = new ArrayList<>();
        List<Integer> silent = new ArrayList<>();
        List<Integer> unended = new ArrayList<>();
        for (Run.SeedLog seed : run.seeds()) {
            int epoch = seed.lastEpoch();
            if (epoch == 0 && seed.batches().isEmpty()) {
                silent.add(seed.seed());
            } else if (epoch < planned) {
                gaps.add("seed " + seed.seed() + " ends at epoch " + epoch + " of " + planned);
            } else if (seed.end() == null) {
                unended.add(seed.seed());
            }
        }
        if (!unended.isEmpty()) {
            gaps.add(seeds(unended) + " without a comparison of predictions");
        }
        if (!silent.isEmpty()) {
            gaps.add(seeds(silent) + " without any measurement");
        }
        if (run.cutOff()) {
            gaps.add("the log's last line is cut off");
        }
        if (run.seconds() == null) {
            gaps.add("the log has no end");
        }
        return gaps;
    }

    private static int planned(Run run, int lastEpoch) {
        return run.start().config().get("epochs") instanceof Number epochs
                ? Math.max(epochs.intValue(), lastEpoch)
                : lastEpoch;
    }

    private static String seeds(List<Integer> seeds) {
        return (seeds.size() == 1 ? "seed " : "seeds ") + Numbers.list(seeds);
    }
}
