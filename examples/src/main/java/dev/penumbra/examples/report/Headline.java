// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.stream.DoubleStream;

/** Puts a summary into a sentence. */
final class Headline {

    private Headline() {}

    static String of(Summary summary) {
        Summary.Comparison accuracy = summary.accuracy();
        if (accuracy == null || accuracy.ema() == null || accuracy.difference() == null) {
            return "No epoch was evaluated, so there is no result.";
        }
        Summary.Difference difference = accuracy.difference();
        int decimals = decimals(difference);
        String sentence =
                "after %s EMA weights reach %s %% test accuracy, %s %s."
                        .formatted(
                                Numbers.plural(summary.epochs(), "epoch"),
                                Numbers.fixed(100 * accuracy.ema().mean(), decimals),
                                position(difference.mean(), decimals),
                                uncertainty(summary, difference, decimals));
        return Numbers.typeset(
                summary.complete() ? "A" + sentence.substring(1) : "Incomplete run: " + sentence);
    }

    private static String position(double difference, int decimals) {
        String points = Numbers.fixed(100 * Math.abs(difference), decimals);
        if (points.matches("[0.]+")) {
            return difference == 0
                    ? "exactly as much as the online weights"
                    : "within " + half(decimals) + " points of the online weights";
        }
        return points + " points " + (difference > 0 ? "above" : "below") + " the online weights";
    }

    private static String uncertainty(
            Summary summary, Summary.Difference difference, int decimals) {
        if (difference.low() == null || difference.high() == null) {
            return "(one seed, so no interval: the difference may be chance)";
        }
        double low = 100 * difference.low();
        double high = 100 * difference.high();
        boolean open = low <= 0 && high >= 0;
        return "(95 %% interval %s to %s%s, %d seeds, ahead in %d of %d)"
                .formatted(
                        Numbers.fixed(low, decimals),
                        Numbers.fixed(high, decimals),
                        open ? ", which includes zero" : "",
                        summary.compared(),
                        summary.emaAhead(),
                        summary.compared());
    }

    /** One decimal, or as many as it takes for the interval's ends to differ from zero. */
    private static int decimals(Summary.Difference difference) {
        if (difference.low() == null || difference.high() == null) {
            return 1;
        }
        double closest =
                DoubleStream.of(difference.low(), difference.high())
                        .map(end -> 100 * Math.abs(end))
                        .min()
                        .orElseThrow();
        return closest < 0.05 ? 2 : 1;
    }

    private static String half(int decimals) {
        return Numbers.fixed(0.5 * Math.pow(10, -decimals), decimals + 1);
    }
}
