// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The result of a run: online weights against averaged weights on the test set, over seeds.
 *
 * <p>What counts is the last epoch, never the best one. Differences are averaged minus online,
 * paired by seed; with \(d_i\) the difference of seed \(i\) of \(n\) and \(s\) their standard
 * deviation (with \(n - 1\) in the denominator), the 95 % interval is
 *
 * <p>\[ \bar d \pm t_{0.975,\, n-1} \frac{s}{\sqrt n} \]
 *
 * <p>which takes the differences for a sample of a normal distribution. With one seed there is no
 * standard deviation and no interval: they are null. Where a seed diverged, so that its loss is
 * null, the statistics of that loss are null too; the seed is not dropped. A seed that an
 * interruption kept from the last epoch is listed, but not compared.
 *
 * <p>{@link #json()} has the component names in lower case with underscores, here and in the nested
 * records, with accuracies as shares in [0, 1]. Names are only ever added.
 *
 * @param title what the run is called
 * @param epochs the last epoch that any seed reached, or 0 if nothing was evaluated
 * @param complete whether the run went to its end
 * @param gaps what is missing, each a clause; empty if complete
 * @param seeds the seeds that have a result, in the order of the run
 * @param compared the number of seeds that reached the last epoch
 * @param emaAhead the number of compared seeds in which the averaged weights are more accurate
 * @param onlineAhead the number of compared seeds in which the online weights are more accurate
 * @param accuracy the test accuracy after the last epoch, or null if nothing was evaluated
 * @param loss the test loss after the last epoch, or null if nothing was evaluated
 * @param perEpoch each epoch's results, over the compared seeds
 * @param secondsPerEpoch the median training time of an epoch, or null if nothing was evaluated
 * @param seconds the time that the whole run took, or null where the run was interrupted
 */
public record Summary(
        String title,
        int epochs,
        boolean complete,
        List<String> gaps,
        List<SeedResult> seeds,
        int compared,
        int emaAhead,
        int onlineAhead,
        @Nullable Comparison accuracy,
        @Nullable Comparison loss,
        List<EpochResult> perEpoch,
        @Nullable Double secondsPerEpoch,
        @Nullable Double seconds) {

    private static final Gson GSON =
            new GsonBuilder()
                    .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
                    .serializeNulls()
                    .disableHtmlEscaping()
                    .setPrettyPrinting()
                    .create();

    /** Copies the lists. */
    public Summary {
        gaps = List.copyOf(gaps);
        seeds = List.copyOf(seeds);
        perEpoch = List.copyOf(perEpoch);
    }

    /**
     * The result of a seed after its last epoch.
     *
     * @param seed the seed
     * @param epoch the seed's last epoch
     * @param compared whether that is the run's last epoch
     * @param online the result of the online weights
     * @param ema the result of the averaged weights
     * @param accuracyDifference the difference of the accuracies
     */
    public record SeedResult(
            int seed,
            int epoch,
            boolean compared,
            RunEvent.Evaluation online,
            RunEvent.Evaluation ema,
            double accuracyDifference) {}

    /**
     * A measure of online and averaged weights.
     *
     * @param online the online weights, or null where a seed has no finite value
     * @param ema the averaged weights, or null where a seed has no finite value
     * @param difference averaged minus online, or null where either is
     */
    public record Comparison(
            @Nullable Estimate online, @Nullable Estimate ema, @Nullable Difference difference) {}

    /**
     * A mean over seeds.
     *
     * @param n the number of seeds
     * @param mean the mean
     * @param sd the standard deviation over seeds, or null with one seed
     */
    public record Estimate(int n, double mean, @Nullable Double sd) {}

    /**
     * A mean of differences paired by seed.
     *
     * @param n the number of seeds
     * @param mean the mean
     * @param sd the standard deviation over seeds, or null with one seed
     * @param low the lower end of the 95 % interval, or null with one seed
     * @param high the upper end of the 95 % interval, or null with one seed
     */
    public record Difference(
            int n, double mean, @Nullable Double sd, @Nullable Double low, @Nullable Double high) {}

    /**
     * The results of an epoch.
     *
     * @param epoch the epoch
     * @param online the results of the online weights
     * @param ema the results of the averaged weights
     */
    public record EpochResult(int epoch, Bands online, Bands ema) {}

    /**
     * The results of an epoch for one of the two.
     *
     * @param accuracy the accuracies over seeds
     * @param loss the losses over seeds, or null where one of them is not finite
     */
    public record Bands(Range accuracy, @Nullable Range loss) {}

    /**
     * A range over seeds.
     *
     * @param mean the mean
     * @param min the smallest value
     * @param max the largest value
     */
    public record Range(double mean, double min, double max) {

        static Range of(double... sample) {
            return new Range(
                    Statistics.mean(sample),
                    Arrays.stream(sample).min().orElseThrow(),
                    Arrays.stream(sample).max().orElseThrow());
        }
    }

    /**
     * Summarizes a run.
     *
     * @param run the run
     * @return the summary
     */
    public static Summary of(Run run) {
        int epochs = run.seeds().stream().mapToInt(Run.SeedLog::lastEpoch).max().orElse(0);
        List<SeedResult> seeds =
                run.seeds().stream()
                        .filter(seed -> seed.lastEpoch() > 0)
                        .map(seed -> result(seed, epochs))
                        .toList();
        List<SeedResult> compared = seeds.stream().filter(SeedResult::compared).toList();
        List<String> gaps = Gaps.of(run, epochs);
        return new Summary(
                run.start().title(),
                epochs,
                gaps.isEmpty(),
                gaps,
                seeds,
                compared.size(),
                (int) compared.stream().filter(s -> s.accuracyDifference() > 0).count(),
                (int) compared.stream().filter(s -> s.accuracyDifference() < 0).count(),
                epochs == 0 ? null : compare(compared, RunEvent.Evaluation::accuracy),
                epochs == 0 ? null : compare(compared, RunEvent.Evaluation::loss),
                perEpoch(run, epochs),
                medianSeconds(run),
                run.seconds());
    }

    /**
     * Returns the answer in a sentence, with its uncertainty.
     *
     * @return the sentence
     */
    public String headline() {
        return Headline.of(this);
    }

    /**
     * Returns the result as a table for a terminal.
     *
     * @return lines of at most 100 characters, each with its line end
     */
    public String terminalTable() {
        return Tables.terminal(this);
    }

    /**
     * Returns the result as a Markdown table.
     *
     * @return the lines, each with its line end
     */
    public String markdownTable() {
        return Tables.markdown(this);
    }

    /**
     * Returns the summary as JSON.
     *
     * @return the text, with a line end
     */
    public String json() {
        return GSON.toJson(this) + "\n";
    }

    private static SeedResult result(Run.SeedLog seed, int epochs) {
        RunEvent.Epoch last = seed.epochs().get(seed.epochs().size() - 1);
        return new SeedResult(
                seed.seed(),
                last.epoch(),
                last.epoch() == epochs,
                last.online(),
                last.ema(),
                last.ema().accuracy() - last.online().accuracy());
    }

    private static Comparison compare(
            List<SeedResult> seeds, Function<RunEvent.Evaluation, @Nullable Double> measure) {
        double[] online = values(seeds, seed -> measure.apply(seed.online()));
        double[] ema = values(seeds, seed -> measure.apply(seed.ema()));
        return new Comparison(
                estimate(online, seeds.size()),
                estimate(ema, seeds.size()),
                difference(online, ema, seeds.size()));
    }

    static @Nullable Estimate estimate(double[] sample, int n) {
        return sample.length < n
                ? null
                : new Estimate(n, Statistics.mean(sample), Statistics.standardDeviation(sample));
    }

    static @Nullable Difference difference(double[] online, double[] ema, int n) {
        if (online.length < n || ema.length < n) {
            return null;
        }
        double[] sample = IntStream.range(0, n).mapToDouble(i -> ema[i] - online[i]).toArray();
        double mean = Statistics.mean(sample);
        Double half = Statistics.halfWidth(sample);
        return new Difference(
                n,
                mean,
                Statistics.standardDeviation(sample),
                half == null ? null : mean - half,
                half == null ? null : mean + half);
    }

    private static List<EpochResult> perEpoch(Run run, int epochs) {
        SortedMap<Integer, List<RunEvent.Epoch>> byEpoch =
                run.seeds().stream()
                        .filter(seed -> seed.lastEpoch() == epochs)
                        .flatMap(seed -> seed.epochs().stream())
                        .collect(
                                Collectors.groupingBy(
                                        RunEvent.Epoch::epoch, TreeMap::new, Collectors.toList()));
        return byEpoch.values().stream()
                .map(
                        results ->
                                new EpochResult(
                                        results.get(0).epoch(),
                                        bands(results, RunEvent.Epoch::online),
                                        bands(results, RunEvent.Epoch::ema)))
                .toList();
    }

    private static Bands bands(
            List<RunEvent.Epoch> epochs, Function<RunEvent.Epoch, RunEvent.Evaluation> weights) {
        double[] accuracies = values(epochs, epoch -> weights.apply(epoch).accuracy());
        double[] losses = values(epochs, epoch -> weights.apply(epoch).loss());
        return new Bands(
                Range.of(accuracies), losses.length < epochs.size() ? null : Range.of(losses));
    }

    /** Returns the values that are not null. */
    private static <T> double[] values(List<T> items, Function<T, @Nullable Double> value) {
        return items.stream()
                .map(value)
                .filter(x -> x != null)
                .mapToDouble(Double::doubleValue)
                .toArray();
    }

    private static @Nullable Double medianSeconds(Run run) {
        double[] seconds =
                run.seeds().stream()
                        .flatMap(seed -> seed.epochs().stream())
                        .mapToDouble(RunEvent.Epoch::seconds)
                        .toArray();
        return seconds.length == 0 ? null : Statistics.median(seconds);
    }
}
