// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SummaryTest {

    /*
     * Expected values by Python 3 with SciPy 1.17.1:
     *
     *   import numpy as np; from scipy import stats
     *   o = np.array([.63, .64, .61, .65, .62]); e = np.array([.66, .65, .64, .66, .65]); d = e - o
     *   print(o.mean(), o.std(ddof=1), e.mean(), e.std(ddof=1), d.mean(), d.std(ddof=1))
     *   print(stats.t.interval(.95, 4, d.mean(), d.std(ddof=1) / 5 ** .5))
     *
     *   0.63 0.01581138830084191 0.652 0.008366600265340763 0.02200000000000002 0.010954451150103331
     *   (0.008398252386834896, 0.03560174761316515)
     *
     * By hand for the interval: 2.776445 * 0.01095445 / sqrt(5) = 0.0136017.
     */
    private static final double[] ONLINE = {0.63, 0.64, 0.61, 0.65, 0.62};
    private static final double[] EMA = {0.66, 0.65, 0.64, 0.66, 0.65};

    // Double arithmetic on a handful of numbers near 1; the printed digits end earlier.
    private static final double ROUNDING = 1e-12;

    @Test
    void accuracy_meanAndDeviation() {
        Summary.Comparison accuracy = accuracy(summary(ONLINE, EMA));
        Summary.Estimate online = accuracy.online();
        Summary.Estimate ema = accuracy.ema();
        assertNotNull(online);
        assertNotNull(ema);
        assertEquals(5, online.n());
        assertEquals(0.63, online.mean(), ROUNDING);
        assertEquals(0.0158113883008419, value(online.sd()), ROUNDING);
        assertEquals(0.652, ema.mean(), ROUNDING);
        assertEquals(0.0083666002653408, value(ema.sd()), ROUNDING);
    }

    @Test
    void difference_pairedWithInterval() {
        Summary.Difference difference = accuracy(summary(ONLINE, EMA)).difference();
        assertNotNull(difference);
        assertEquals(0.022, difference.mean(), ROUNDING);
        assertEquals(0.0109544511501033, value(difference.sd()), ROUNDING);
        assertEquals(0.008398252386834896, value(difference.low()), ROUNDING);
        assertEquals(0.03560174761316515, value(difference.high()), ROUNDING);
    }

    /** Student's t at 0.975, as printed tables have it, with samples of deviation sqrt(n). */
    @ParameterizedTest
    @CsvSource({"2, 12.706", "3, 4.303", "5, 2.776", "10, 2.262", "30, 2.045"})
    void interval_tTable(int n, double quantile) {
        double[] sample = IntStream.range(0, n).mapToDouble(i -> i).toArray();
        double sd = value(Statistics.standardDeviation(sample));
        double half = value(Statistics.halfWidth(sample));
        // Half a unit of the table's last digit.
        assertEquals(quantile, half * Math.sqrt(n) / sd, 5e-4);
    }

    /** Its number is no reason to look at each one before it. */
    @Test
    void lastEpoch_largestNumber_atOnce() {
        Run.SeedLog seed =
                log(
                        0,
                        epoch(0, 1, 0.4, 0.4, 1.0, 1.0),
                        epoch(0, Integer.MAX_VALUE, 0.5, 0.6, 1.0, 1.0));
        Run run = run(List.of(seed), 1.0);
        Summary summary = assertTimeoutPreemptively(Duration.ofSeconds(5), () -> Summary.of(run));
        assertEquals(
                List.of(1, Integer.MAX_VALUE),
                summary.perEpoch().stream().map(Summary.EpochResult::epoch).toList());
    }

    @Test
    void lastEpoch_countsInsteadOfBest() {
        Run.SeedLog seed = log(0, epoch(0, 1, 0.9, 0.9, 1.0, 1.0), epoch(0, 2, 0.5, 0.6, 1.0, 1.0));
        Summary summary = Summary.of(run(List.of(seed), 1.0));
        assertEquals(0.6, summary.seeds().get(0).ema().accuracy());
        assertEquals(2, summary.epochs());
    }

    @Test
    void perEpoch_meanAndRange() {
        Summary summary = summary(ONLINE, EMA);
        Summary.Range online = summary.perEpoch().get(0).online().accuracy();
        assertEquals(0.63, online.mean(), ROUNDING);
        assertEquals(0.61, online.min());
        assertEquals(0.65, online.max());
        assertEquals(1, summary.perEpoch().size());
    }

    @Test
    void ahead_countsBothSidesWithoutTies() {
        Summary summary =
                summary(new double[] {0.5, 0.5, 0.5, 0.5}, new double[] {0.6, 0.6, 0.5, 0.4});
        assertEquals(2, summary.emaAhead());
        assertEquals(1, summary.onlineAhead());
    }

    @Test
    void secondsPerEpoch_isMedian() {
        List<RunEvent.Epoch> epochs = new ArrayList<>();
        for (double seconds : new double[] {9, 1, 2, 3}) {
            RunEvent.Evaluation half = new RunEvent.Evaluation(0.5, 1.0);
            int number = epochs.size() + 1;
            epochs.add(
                    new RunEvent.Epoch(
                            0, number, 1, seconds, null, half, half, null, null, null, null));
        }
        Run.SeedLog seed = new Run.SeedLog(0, List.of(), epochs, SampleRun.end(0));
        assertEquals(2.5, Summary.of(run(List.of(seed), 1.0)).secondsPerEpoch());
    }

    @Test
    void oneSeed_hasNoInterval() {
        Summary.Difference difference =
                accuracy(summary(new double[] {0.5}, new double[] {0.6})).difference();
        assertNotNull(difference);
        assertNull(difference.sd());
        assertNull(difference.low());
        assertNull(difference.high());
    }

    @Test
    void divergedLoss_isNullInsteadOfDropped() {
        Run run =
                run(
                        List.of(
                                log(0, epoch(0, 1, 0.5, 0.6, 1.0, 0.9)),
                                log(1, epoch(1, 1, 0.1, 0.6, null, 0.9))),
                        1.0);
        Summary summary = Summary.of(run);
        Summary.Comparison loss = summary.loss();
        assertNotNull(loss);
        assertNull(loss.online());
        assertNotNull(loss.ema());
        assertNull(loss.difference());
        assertNull(summary.perEpoch().get(0).online().loss());
        assertNotNull(accuracy(summary).difference());
    }

    @Test
    void unfinishedSeed_isListedButNotCompared() {
        Run.SeedLog half = new Run.SeedLog(1, List.of(), List.of(epoch(1, 1, 0, 0, 1., 1.)), null);
        Run.SeedLog whole =
                log(0, epoch(0, 1, 0.5, 0.5, 1.0, 1.0), epoch(0, 2, 0.6, 0.7, 1.0, 1.0));
        Run.SeedLog none = new Run.SeedLog(2, List.of(), List.of(), null);
        Run run = run(List.of(whole, half, none), null);
        Summary summary = Summary.of(run);
        assertFalse(summary.complete());
        assertEquals(1, summary.compared());
        assertEquals(2, summary.seeds().size());
        assertEquals(
                List.of(
                        "seed 1 ends at epoch 1 of 2",
                        "seed 2 without any measurement",
                        "the log has no end"),
                summary.gaps());
        assertEquals(
                "Incomplete run: after 2 epochs EMA weights reach 70.0 % test accuracy, 10.0 points"
                        + " above the online weights (one seed, so no interval: the difference may"
                        + " be chance).",
                summary.headline());
    }

    @Test
    void headline_ahead() {
        assertEquals(
                "After 1 epoch EMA weights reach 65.2 % test accuracy, 2.2 points above the online"
                        + " weights (95 % interval 0.8 to 3.6, 5 seeds, ahead in 5 of 5).",
                summary(ONLINE, EMA).headline());
    }

    @Test
    void headline_behind() {
        assertEquals(
                "After 1 epoch EMA weights reach 63.0 % test accuracy, 2.2 points below the online"
                        + " weights (95 % interval \u22123.6 to \u22120.8, 5 seeds, ahead in 0 of"
                        + " 5).",
                summary(/* online= */ EMA, /* ema= */ ONLINE).headline());
    }

    @Test
    void headline_equal() {
        assertEquals(
                "After 1 epoch EMA weights reach 63.00 % test accuracy, exactly as much as the"
                        + " online weights (95 % interval 0.00 to 0.00, which includes zero, 5"
                        + " seeds, ahead in 0 of 5).",
                summary(ONLINE, ONLINE).headline());
    }

    @Test
    void headline_openAndNearlyEqual() {
        assertEquals(
                "After 1 epoch EMA weights reach 60.0 % test accuracy, within 0.05 points of the"
                        + " online weights (95 % interval \u221212.7 to 12.7, which includes zero,"
                        + " 2 seeds, ahead in 1 of 2).",
                summary(new double[] {0.60, 0.60}, new double[] {0.6101, 0.5901}).headline());
    }

    @Test
    void headline_nothingEvaluated() {
        Run.SeedLog none = new Run.SeedLog(0, List.of(), List.of(), null);
        Summary summary = Summary.of(run(List.of(none), null));
        assertEquals("No epoch was evaluated, so there is no result.", summary.headline());
        assertEquals("Incomplete run\nNo epoch was evaluated\n", summary.terminalTable());
        assertNull(summary.accuracy());
    }

    @Test
    void terminalTable_wholeText() {
        String expected =
                """
                Test set after 1 epoch, mean \u00b1 sd over 5 seeds

                               accuracy, %         loss
                Online         63.00 \u00b1 1.58        1.0000 \u00b1 0.0000
                EMA            65.20 \u00b1 0.84        0.9000 \u00b1 0.0000
                Difference     +2.20 \u00b1 1.10        -0.1000 \u00b1 0.0000
                95 % interval  +0.84 to +3.56      -0.1000 to -0.1000

                EMA is ahead in 5 of 5 seeds
                """;
        String table = summary(ONLINE, EMA).terminalTable();
        assertEquals(expected, table);
        assertTrue(table.lines().allMatch(line -> line.length() <= 100));
    }

    @Test
    void terminalTable_oneSeed() {
        String expected =
                """
                Test set after 1 epoch, one seed

                               accuracy, %         loss
                Online         50.00               1.0000
                EMA            60.00               0.9000
                Difference     +10.00              -0.1000

                EMA is ahead in 1 of 1 seed; one seed gives no interval
                """;
        assertEquals(expected, summary(new double[] {0.5}, new double[] {0.6}).terminalTable());
    }

    @Test
    void markdownTable_wholeText() {
        String expected =
                """
                | Weights | Test accuracy, % | Test loss | Seeds \
                | 95 % interval of the accuracy, points |
                |---|---:|---:|---:|---:|
                | Online | 63.00 \u00b1 1.58 | 1.0000 \u00b1 0.0000 | 5 | |
                | EMA | 65.20 \u00b1 0.84 | 0.9000 \u00b1 0.0000 | 5 | |
                | Difference | +2.20 \u00b1 1.10 | \u22120.1000 \u00b1 0.0000 | 5 \
                | +0.84 to +3.56 |
                """;
        assertEquals(expected, summary(ONLINE, EMA).markdownTable());
    }

    @Test
    void json_namesAreStable() {
        String json = summary(new double[] {0.5}, new double[] {0.75}).json();
        assertEquals(
                """
                {"title":"Test","epochs":1,"complete":true,"gaps":[],"seeds":[{"seed":0,"epoch":1,\
                "compared":true,"online":{"accuracy":0.5,"loss":1.0},"ema":{"accuracy":0.75,\
                "loss":0.9},"accuracy_difference":0.25}],"compared":1,"ema_ahead":1,\
                "online_ahead":0,"accuracy":{"online":{"n":1,"mean":0.5,"sd":null},"ema":{"n":1,\
                "mean":0.75,"sd":null},"difference":{"n":1,"mean":0.25,"sd":null,"low":null,\
                "high":null}},"loss":{"online":{"n":1,"mean":1.0,"sd":null},"ema":{"n":1,\
                "mean":0.9,"sd":null},"difference":{"n":1,"mean":-0.09999999999999998,"sd":null,\
                "low":null,"high":null}},"per_epoch":[{"epoch":1,"online":{"accuracy":{"mean":0.5,\
                "min":0.5,"max":0.5},"loss":{"mean":1.0,"min":1.0,"max":1.0}},"ema":{"accuracy":\
                {"mean":0.75,"min":0.75,"max":0.75},"loss":{"mean":0.9,"min":0.9,"max":0.9}}}],\
                "seconds_per_epoch":4.5,"seconds":9.0}""",
                json.replaceAll("\\n\\s*|(?<=:) ", ""));
    }

    private static Summary summary(double[] online, double[] ema) {
        List<Run.SeedLog> seeds = new ArrayList<>();
        for (int i = 0; i < online.length; i++) {
            seeds.add(log(i, epoch(i, 1, online[i], ema[i], 1.0, 0.9)));
        }
        return Summary.of(run(seeds, 9.0));
    }

    private static Run run(List<Run.SeedLog> seeds, @Nullable Double seconds) {
        List<Integer> numbers = seeds.stream().map(Run.SeedLog::seed).toList();
        int epochs = seeds.stream().mapToInt(Run.SeedLog::lastEpoch).max().orElse(0);
        return new Run(SampleRun.start("Test", numbers, epochs), seeds, seconds, false);
    }

    private static Run.SeedLog log(int seed, RunEvent.Epoch... epochs) {
        return new Run.SeedLog(seed, List.of(), List.of(epochs), SampleRun.end(seed));
    }

    private static RunEvent.Epoch epoch(
            int seed,
            int epoch,
            double online,
            double ema,
            @Nullable Double onlineLoss,
            @Nullable Double emaLoss) {
        return new RunEvent.Epoch(
                seed,
                epoch,
                epoch * 10,
                4.5,
                1.0,
                new RunEvent.Evaluation(online, onlineLoss),
                new RunEvent.Evaluation(ema, emaLoss),
                0.9,
                1.0,
                null,
                null);
    }

    private static Summary.Comparison accuracy(Summary summary) {
        Summary.Comparison accuracy = summary.accuracy();
        assertNotNull(accuracy);
        return accuracy;
    }

    private static double value(@Nullable Double value) {
        assertNotNull(value);
        return value;
    }
}
