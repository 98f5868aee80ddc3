// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The result of an autoencoder's run: online weights against averaged weights on the test set, over
 * seeds, after the last epoch and never the best one. Statistics are those of {@link Summary}.
 *
 * @param title what the run is called
 * @param epochs the last epoch that any seed reached, or 0 if nothing was evaluated
 * @param complete whether the run went to its end
 * @param gaps what is missing, each a clause; empty if complete
 * @param compared the number of seeds that reached the last epoch
 * @param emaAhead the number of them in which the averaged weights have the higher PSNR
 * @param seeds the results by seed
 * @param measures the measures over seeds; PSNR first; empty if nothing was evaluated
 * @param seconds the time that the whole run took, or null where the run was interrupted
 */
public record VaeSummary(
        String title,
        int epochs,
        boolean complete,
        List<String> gaps,
        int compared,
        int emaAhead,
        List<SeedResult> seeds,
        List<Measure> measures,
        @Nullable Double seconds) {

    private static final Gson GSON =
            new GsonBuilder()
                    .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .setPrettyPrinting()
                    .create();

    /** Copies the lists. */
    public VaeSummary {
        gaps = List.copyOf(gaps);
        seeds = List.copyOf(seeds);
        measures = List.copyOf(measures);
    }

    /**
     * The result of a seed after its last epoch.
     *
     * @param seed the seed
     * @param epoch the seed's last epoch
     * @param compared whether that is the run's last epoch
     * @param online the result of the online weights
     * @param ema the result of the averaged weights
     */
    public record SeedResult(
            int seed,
            int epoch,
            boolean compared,
            VaeEvent.Evaluation online,
            VaeEvent.Evaluation ema) {}

    /**
     * A measure of online and averaged weights.
     *
     * @param name the name, with its unit
     * @param decimals the decimals that are shown
     * @param higherIsBetter whether more is better; null where neither is
     * @param online the online weights, or null where a seed has no finite value
     * @param ema the averaged weights, or null where a seed has no finite value
     * @param difference averaged minus online, or null where either is
     */
    public record Measure(
            String name,
            int decimals,
            @Nullable Boolean higherIsBetter,
            Summary.@Nullable Estimate online,
            Summary.@Nullable Estimate ema,
            Summary.@Nullable Difference difference) {}

    static VaeSummary of(VaeRun run) {
        List<VaeRun.SeedLog> compared = run.compared();
        List<SeedResult> seeds = new ArrayList<>();
        for (VaeRun.SeedLog seed : run.seeds()) {
            if (!seed.epochs().isEmpty()) {
                VaeEvent.Epoch last = seed.epochs().get(seed.epochs().size() - 1);
                boolean counts = seed.lastEpoch() == run.epochs();
                seeds.add(
                        new SeedResult(
                                seed.seed(), last.epoch(), counts, last.online(), last.ema()));
            }
        }
        List<String> gaps = gaps(run);
        return new VaeSummary(
                run.start().title(),
                run.epochs(),
                gaps.isEmpty(),
                gaps,
                compared.size(),
                (int) seeds.stream().filter(s -> s.compared() && isAhead(s)).count(),
                seeds,
                compared.isEmpty() ? List.of() : measures(seeds, compared.size()),
                run.seconds());
    }

    private static boolean isAhead(SeedResult seed) {
        Double online = seed.online().psnr();
        Double ema = seed.ema().psnr();
        return online != null && ema != null && ema > online;
    }

    private static List<String> gaps(VaeRun run) {
        List<String> gaps = new ArrayList<>();
        for (VaeRun.SeedLog seed : run.seeds()) {
            if (seed.end() == null) {
                gaps.add("seed " + seed.seed() + " ends at epoch " + seed.lastEpoch());
            }
        }
        if (run.cutOff()) {
            gaps.add("the log's last line is cut off");
        }
        if (run.seconds() == null) {
            gaps.add("the log has no end");
        }
        return gaps;
    }

    private static List<Measure> measures(List<SeedResult> seeds, int n) {
        return List.of(
                measure("PSNR, dB", 2, true, VaeEvent.Evaluation::psnr, seeds, n),
                measure("SSIM", 4, true, VaeEvent.Evaluation::ssim, seeds, n),
                measure("Absolute error", 4, false, VaeEvent.Evaluation::reconstruction, seeds, n),
                measure("KL, nats", 1, null, VaeEvent.Evaluation::kl, seeds, n),
                measure("Active channels", 1, null, e -> (double) e.activeUnits(), seeds, n));
    }

    private static Measure measure(
            String name,
            int decimals,
            @Nullable Boolean higherIsBetter,
            Function<VaeEvent.Evaluation, @Nullable Double> value,
            List<SeedResult> seeds,
            int n) {
        double[] online = values(seeds, seed -> value.apply(seed.online()));
        double[] ema = values(seeds, seed -> value.apply(seed.ema()));
        return new Measure(
                name,
                decimals,
                higherIsBetter,
                Summary.estimate(online, n),
                Summary.estimate(ema, n),
                Summary.difference(online, ema, n));
    }

    private static double[] values(
            List<SeedResult> seeds, Function<SeedResult, @Nullable Double> value) {
        return seeds.stream()
                .filter(SeedResult::compared)
                .map(value)
                .filter(x -> x != null)
                .mapToDouble(Double::doubleValue)
                .toArray();
    }

    /**
     * Returns the answer in a sentence, with its uncertainty.
     *
     * @return the sentence
     */
    public String headline() {
        Measure psnr = measures.isEmpty() ? null : measures.get(0);
        if (psnr == null || psnr.ema() == null || psnr.difference() == null) {
            return "No epoch was evaluated to finite numbers, so there is no result.";
        }
        Summary.Difference difference = psnr.difference();
        String interval =
                difference.low() == null || difference.high() == null
                        ? "one seed, so no interval: the difference may be chance"
                        : "95 %% interval %s to %s, %d seeds, ahead in %d of %d"
                                .formatted(
                                        Numbers.fixed(difference.low(), 2),
                                        Numbers.fixed(difference.high(), 2),
                                        compared,
                                        emaAhead,
                                        compared);
        String sentence =
                "after %s EMA weights reconstruct test images at %s dB, %s dB %s the online weights (%s)."
                        .formatted(
                                Numbers.plural(epochs, "epoch"),
                                Numbers.fixed(psnr.ema().mean(), 2),
                                Numbers.fixed(Math.abs(difference.mean()), 2),
                                difference.mean() < 0 ? "below" : "above",
                                interval);
        return Numbers.typeset(complete ? "A" + sentence.substring(1) : "Incomplete: " + sentence);
    }

    /**
     * Returns the result as a table for a terminal.
     *
     * @return the lines, each with its line end
     */
    public String terminalTable() {
        StringBuilder table = new StringBuilder();
        line(table, "", "Online", "EMA", "Difference", "95 % interval");
        for (Measure measure : measures) {
            List<String> cells = cells(measure);
            line(table, measure.name(), cells.get(0), cells.get(1), cells.get(2), cells.get(3));
        }
        return table.toString();
    }

    /**
     * Returns the result as a Markdown table.
     *
     * @return the lines, each with its line end
     */
    public String markdownTable() {
        StringBuilder text = new StringBuilder();
        text.append("| Test set | Online | EMA | Difference | 95 % interval |\n");
        text.append("|---|---:|---:|---:|---:|\n");
        for (Measure measure : measures) {
            text.append("| ").append(measure.name()).append(" | ");
            text.append(Numbers.typeset(String.join(" | ", cells(measure)))).append(" |\n");
        }
        return text.toString();
    }

    private static void line(StringBuilder table, Object... cells) {
        String line = String.format(Locale.ROOT, "%-16s %18s %18s %12s   %s", cells);
        table.append(line.stripTrailing()).append('\n');
    }

    /** Online, EMA, difference and interval. */
    static List<String> cells(Measure measure) {
        Summary.Difference difference = measure.difference();
        int decimals = measure.decimals();
        return List.of(
                estimate(measure.online(), decimals),
                estimate(measure.ema(), decimals),
                difference == null ? "n/a" : Numbers.signed(difference.mean(), decimals),
                difference == null ? "" : interval(difference, decimals));
    }

    private static String interval(Summary.Difference difference, int decimals) {
        Double low = difference.low();
        Double high = difference.high();
        return low == null || high == null
                ? ""
                : Numbers.signed(low, decimals) + " to " + Numbers.signed(high, decimals);
    }

    private static String estimate(Summary.@Nullable Estimate estimate, int decimals) {
        if (estimate == null) {
            return "not finite";
        }
        String mean = Numbers.fixed(estimate.mean(), decimals);
        Double sd = estimate.sd();
        return sd == null ? mean : mean + " ± " + Numbers.fixed(sd, decimals);
    }

    /**
     * Returns the summary as JSON.
     *
     * @return the text, with a line end
     */
    public String json() {
        return GSON.toJson(this) + "\n";
    }
}
