// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Lays out the numbers of a summary. */
final class Tables {

    static final int ACCURACY_DECIMALS = 2;
    static final int LOSS_DECIMALS = 4;

    private static final String NONE = "n/a";

    private Tables() {}

    /**
     * A row of the result table.
     *
     * @param name what the row is about
     * @param accuracy the accuracy, in percent
     * @param loss the loss
     * @param n the number of seeds
     * @param interval the 95 % interval of the accuracy, or nothing
     * @param lossInterval the 95 % interval of the loss, or nothing
     */
    record Row(
            String name,
            String accuracy,
            String loss,
            int n,
            String interval,
            String lossInterval) {}

    /** Returns the rows Online, EMA and Difference, or none without a result. */
    static List<Row> rows(Summary summary) {
        Summary.Comparison accuracy = summary.accuracy();
        Summary.Comparison loss = summary.loss();
        if (accuracy == null || loss == null) {
            return List.of();
        }
        int n = summary.compared();
        return List.of(
                new Row(
                        "Online",
                        estimate(accuracy.online(), 100, ACCURACY_DECIMALS),
                        estimate(loss.online(), 1, LOSS_DECIMALS),
                        n,
                        "",
                        ""),
                new Row(
                        "EMA",
                        estimate(accuracy.ema(), 100, ACCURACY_DECIMALS),
                        estimate(loss.ema(), 1, LOSS_DECIMALS),
                        n,
                        "",
                        ""),
                new Row(
                        "Difference",
                        mean(accuracy.difference(), 100, ACCURACY_DECIMALS),
                        mean(loss.difference(), 1, LOSS_DECIMALS),
                        n,
                        interval(accuracy.difference(), 100, ACCURACY_DECIMALS),
                        interval(loss.difference(), 1, LOSS_DECIMALS)));
    }

    static String terminal(Summary summary) {
        StringBuilder text = new StringBuilder();
        if (!summary.complete()) {
            text.append("Incomplete run\n");
        }
        if (summary.accuracy() == null) {
            return text.append("No epoch was evaluated\n").toString();
        }
        text.append(
                "Test set after %s, %s%n%n"
                        .formatted(
                                Numbers.plural(summary.epochs(), "epoch"),
                                summary.compared() == 1
                                        ? "one seed"
                                        : "mean \u00b1 sd over %d seeds"
                                                .formatted(summary.compared())));
        String format = "%-13s  %-18s  %-20s%n";
        text.append(line(format, "", "accuracy, %", "loss"));
        Row last = null;
        for (Row row : rows(summary)) {
            text.append(line(format, row.name(), row.accuracy(), row.loss()));
            last = row;
        }
        if (last != null && !last.interval().isEmpty()) {
            text.append(line(format, "95 % interval", last.interval(), last.lossInterval()));
        }
        text.append(
                "%nEMA is ahead in %d of %s%s%n"
                        .formatted(
                                summary.emaAhead(),
                                Numbers.plural(summary.compared(), "seed"),
                                summary.compared() == 1 ? "; one seed gives no interval" : ""));
        return text.toString().replace(System.lineSeparator(), "\n");
    }

    static String markdown(Summary summary) {
        StringBuilder text =
                new StringBuilder(
                        """
                        | Weights | Test accuracy, % | Test loss | Seeds \
                        | 95 % interval of the accuracy, points |
                        |---|---:|---:|---:|---:|
                        """);
        for (Row row : rows(summary)) {
            text.append(
                    Numbers.typeset(
                            "| %s | %s | %s | %d | %s |\n"
                                    .formatted(
                                            row.name(),
                                            row.accuracy(),
                                            row.loss(),
                                            row.n(),
                                            row.interval())));
        }
        return text.toString().replace("|  |", "| |");
    }

    private static String line(String format, Object... cells) {
        return String.format(Locale.ROOT, format, cells).stripTrailing() + "\n";
    }

    private static String estimate(
            Summary.@Nullable Estimate estimate, double factor, int decimals) {
        return estimate == null
                ? NONE
                : Numbers.fixed(factor * estimate.mean(), decimals)
                        + deviation(estimate.sd(), factor, decimals);
    }

    private static String mean(
            Summary.@Nullable Difference difference, double factor, int decimals) {
        return difference == null
                ? NONE
                : Numbers.signed(factor * difference.mean(), decimals)
                        + deviation(difference.sd(), factor, decimals);
    }

    private static String deviation(@Nullable Double sd, double factor, int decimals) {
        return sd == null ? "" : " \u00b1 " + Numbers.fixed(factor * sd, decimals);
    }

    private static String interval(
            Summary.@Nullable Difference difference, double factor, int decimals) {
        return difference == null || difference.low() == null || difference.high() == null
                ? ""
                : Numbers.signed(factor * difference.low(), decimals)
                        + " to "
                        + Numbers.signed(factor * difference.high(), decimals);
    }
}
