// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.penumbra.ema.schedule.ArithmeticMean;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.CopyFirst;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Every;
import dev.penumbra.ema.schedule.PowerFunction;
import dev.penumbra.ema.schedule.StartAfter;
import dev.penumbra.ema.schedule.StepInterval;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CombinationTest {

    private static final DecaySchedule NARROW = PowerFunction.ofRelativeWidth(0.05);
    private static final DecaySchedule WIDE = PowerFunction.ofRelativeWidth(0.10);

    /** The shares of the steps 0 to {@code steps}, by the definition. */
    private static double[] shares(AverageProfile profile, int steps) {
        double[] shares = new double[steps + 1];
        shares[0] = 1;
        for (int step = 1; step <= profile.step(); step++) {
            double decay = profile.schedule().decayAt(step);
            for (int u = 0; u < step; u++) {
                shares[u] *= decay;
            }
            shares[step] = profile.schedule().weightAt(step);
        }
        return shares;
    }

    private static double dot(double[] first, double[] second) {
        double sum = 0;
        for (int i = 0; i < first.length; i++) {
            sum += first[i] * second[i];
        }
        return sum;
    }

    /** Snapshots of two averages, as {@link PostHocSnapshots} writes them. */
    private static List<AverageProfile> snapshots(long interval, int count, long steps) {
        List<AverageProfile> inputs = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            for (DecaySchedule schedule : List.of(NARROW, WIDE)) {
                DecaySchedule sampled = interval == 1 ? schedule : Every.of(interval, schedule);
                inputs.add(new AverageProfile(sampled, i * steps / count));
            }
        }
        return inputs;
    }

    /** The error from its definition: the shares of all steps, one by one. */
    private static double errorOf(
            List<AverageProfile> inputs, List<Double> coefficients, AverageProfile target) {
        int steps = (int) target.step();
        double[] difference = shares(target, steps);
        double length = Math.sqrt(dot(difference, difference));
        for (int i = 0; i < inputs.size(); i++) {
            if (coefficients.get(i) != 0) {
                double[] shares = shares(inputs.get(i), steps);
                for (int u = 0; u <= steps; u++) {
                    difference[u] -= coefficients.get(i) * shares[u];
                }
            }
        }
        return Math.sqrt(dot(difference, difference)) / length;
    }

    @Test
    void innerProducts_areThoseOfTheShares() {
        List<AverageProfile> profiles =
                List.of(
                        new AverageProfile(NARROW, 90),
                        new AverageProfile(Every.of(7, WIDE), 60),
                        new AverageProfile(new ConstantDecay(0.97), 75),
                        new AverageProfile(NARROW, 41),
                        new AverageProfile(new CopyFirst(10, new ArithmeticMean()), 60),
                        new AverageProfile(new StartAfter(50, new ArithmeticMean()), 41),
                        new AverageProfile(
                                new Every(
                                        new StepInterval(10, 3),
                                        new ConstantDecay(0.5),
                                        Every.Mode.UPDATE),
                                100));
        double[][] products = InnerProducts.of(profiles);
        for (int i = 0; i < profiles.size(); i++) {
            for (int j = 0; j < profiles.size(); j++) {
                double expected = dot(shares(profiles.get(i), 100), shares(profiles.get(j), 100));
                assertEquals(expected, products[i][j], 1e-13 * expected, i + ", " + j);
            }
        }
    }

    /**
     * At the end of a run the profile of power functions is \( u^{\gamma + 1} \) by differences.
     */
    @Test
    void innerProducts_ofPowerFunctions_published() {
        double[] shares = new double[1001];
        for (int u = 1; u <= 1000; u++) {
            shares[u] = Math.pow(u / 1000.0, 7.94) - Math.pow((u - 1) / 1000.0, 7.94);
        }
        double[][] products = InnerProducts.of(List.of(AverageProfile.ofExponent(6.94, 1000)));
        assertEquals(dot(shares, shares), products[0][0], 1e-12 * products[0][0]);
    }

    /** What has been tracked is its own best combination. */
    @ParameterizedTest
    @ValueSource(longs = {1, 10})
    void combination_ofATrackedAverage_isThatAverage(long interval) {
        List<AverageProfile> inputs = snapshots(interval, 8, 800);
        Combination combination = Combination.of(inputs, new AverageProfile(NARROW, 600));
        for (int i = 0; i < inputs.size(); i++) {
            boolean same = i == 10;
            assertEquals(same ? 1 : 0, combination.coefficients().get(i), 1e-9);
        }
        assertEquals(0, combination.error(), 1e-7);
        assertEquals(1, combination.amplification(), 1e-8);
    }

    /** The first snapshot and the last one can be targets. */
    @ParameterizedTest
    @ValueSource(longs = {100, 800})
    void combination_atTheEnds(long step) {
        List<AverageProfile> inputs = snapshots(1, 8, 800);
        assertEquals(0, Combination.of(inputs, new AverageProfile(WIDE, step)).error(), 1e-7);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 0.03",
        "1, 0.07",
        "1, 0.15",
        "1, 0.25",
        "10, 0.03",
        "10, 0.07",
        "10, 0.15",
        "10, 0.25"
    })
    void error_isTheDistanceOfTheShares(long interval, double width) {
        List<AverageProfile> inputs = snapshots(interval, 8, 800);
        DecaySchedule schedule = PowerFunction.ofRelativeWidth(width);
        AverageProfile sampled =
                new AverageProfile(interval == 1 ? schedule : Every.of(interval, schedule), 800);
        Combination combination = Combination.of(inputs, new AverageProfile(schedule, 800));
        double expected = errorOf(inputs, combination.coefficients(), sampled);
        assertEquals(expected, combination.error(), 1e-6 * expected);
        double sum = combination.coefficients().stream().mapToDouble(x -> x).sum();
        assertEquals(1, sum, 1e-12);
    }

    /** No change of the coefficients that keeps their sum comes closer by more than rounding. */
    @Test
    void coefficients_areTheBest() {
        List<AverageProfile> inputs = snapshots(1, 4, 400);
        AverageProfile target = AverageProfile.ofRelativeWidth(0.15, 400);
        Combination combination = Combination.of(inputs, target);
        for (int i = 1; i < inputs.size(); i++) {
            for (double change : new double[] {-0.03, 0.03}) {
                List<Double> changed = new ArrayList<>(combination.coefficients());
                changed.set(i, changed.get(i) + change);
                changed.set(i - 1, changed.get(i - 1) - change);
                assertTrue(errorOf(inputs, changed, target) > combination.error(), i + "");
            }
        }
    }

    /** By an independent calculation with the shares of all 8,000 steps. */
    @Test
    void error_fallsWithTheNumberOfSnapshots() {
        double[] errors = new double[3];
        int[] counts = {8, 16, 40};
        for (int i = 0; i < 3; i++) {
            List<AverageProfile> inputs = snapshots(1, counts[i], 8000);
            errors[i] = Combination.of(inputs, AverageProfile.ofRelativeWidth(0.15, 8000)).error();
        }
        assertArrayEquals(new double[] {0.0333426372, 0.0089907506, 0.0014749270}, errors, 1e-9);
    }

    /** The table of predicted errors in the documentation, to its two digits. */
    @ParameterizedTest
    @ValueSource(ints = {8, 16, 40})
    void error_documented(int count) throws IOException {
        StringBuilder row = new StringBuilder("| " + count + " |");
        for (double width : new double[] {0.03, 0.07, 0.15, 0.2, 0.25, 0.28}) {
            AverageProfile target = AverageProfile.ofRelativeWidth(width, 8000);
            double error = Combination.of(snapshots(1, count, 8000), target).error();
            BigDecimal digits = new BigDecimal(error).round(new MathContext(2));
            row.append(' ').append(digits.toPlainString()).append(" |");
        }
        List<String> lines = Files.readAllLines(Path.of("README.md"));
        assertTrue(lines.contains(row.toString()), row.toString());
    }

    /** With 80 updates and 80 snapshots the exact shares reach everything, the limit does not. */
    @Test
    void exactShares_beatTheContinuousLimit() {
        List<AverageProfile> inputs = snapshots(100, 40, 8000);
        AverageProfile target = AverageProfile.ofRelativeWidth(0.2, 8000);
        AverageProfile sampled = new AverageProfile(Every.of(100, target.schedule()), 8000);
        List<Double> continuous =
                PowerFunctionProfiles.coefficients(snapshots(1, 40, 8000), target);
        assertTrue(errorOf(inputs, continuous, sampled) > 1e-3);
        List<Double> exact = Combination.of(inputs, target).coefficients();
        assertTrue(errorOf(inputs, exact, sampled) < 1e-9);
    }

    /** Two snapshots without an update between them are the same average. */
    @Test
    void equalSnapshots_shareTheirCoefficient() {
        DecaySchedule schedule = Every.of(100, NARROW);
        List<AverageProfile> inputs =
                List.of(new AverageProfile(schedule, 500), new AverageProfile(schedule, 550));
        Combination combination = Combination.of(inputs, new AverageProfile(NARROW, 560 - 10));
        assertEquals(0.5, combination.coefficients().get(0), 1e-12);
        assertEquals(0.5, combination.coefficients().get(1), 1e-12);
        assertEquals(0, combination.error(), 1e-7);
    }

    /** Twice a hundred snapshots of a long run. */
    @Test
    void manySnapshots() {
        List<AverageProfile> inputs = snapshots(1, 100, 100_000);
        Combination combination =
                Combination.of(inputs, AverageProfile.ofRelativeWidth(0.15, 100_000));
        assertTrue(combination.error() < 3e-4, "error " + combination.error());
        assertTrue(combination.amplification() < 2, "sum " + combination.amplification());
    }

    /** Other schedules can be combined and made, too. */
    @Test
    void constantDecay_fromPowerFunctions() {
        List<AverageProfile> inputs = snapshots(1, 40, 4000);
        AverageProfile target = new AverageProfile(new ConstantDecay(0.998), 4000);
        Combination combination = Combination.of(inputs, target);
        assertEquals(
                errorOf(inputs, combination.coefficients(), target), combination.error(), 1e-7);
        assertTrue(combination.error() < 0.02, "error " + combination.error());
    }

    @Test
    void amplification_isTheSumOfMagnitudes() {
        Combination combination =
                new Combination(
                        List.of(), AverageProfile.ofExponent(1, 1), List.of(-1.5, 2.0, 0.5), 0);
        assertEquals(4, combination.amplification());
    }

    /** Inputs without an interval are updated at every step, and so is the target then. */
    @Test
    void target_keepsItsIntervalOrTakesTheFinest() {
        AverageProfile target = AverageProfile.ofRelativeWidth(0.15, 400);
        AverageProfile own = new AverageProfile(Every.of(20, target.schedule()), 400);
        List<AverageProfile> inputs = new ArrayList<>(snapshots(50, 4, 400));
        inputs.addAll(snapshots(10, 4, 400));
        Collections.reverse(inputs);
        AverageProfile finest = new AverageProfile(Every.of(10, target.schedule()), 400);
        assertErrorAgainst(finest, inputs, target);
        assertErrorAgainst(own, inputs, own);
        inputs.addAll(snapshots(1, 4, 400));
        assertErrorAgainst(target, inputs, target);
    }

    private static void assertErrorAgainst(
            AverageProfile sampled, List<AverageProfile> inputs, AverageProfile target) {
        Combination combination = Combination.of(inputs, target);
        double expected = errorOf(inputs, combination.coefficients(), sampled);
        assertEquals(expected, combination.error(), 1e-6 * expected);
    }

    private static void assertRejected(String message, List<AverageProfile> inputs, long step) {
        AverageProfile target = AverageProfile.ofExponent(3, step);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> Combination.of(inputs, target));
        assertEquals(message, e.getMessage());
    }

    @Test
    void combination_rejects() {
        List<AverageProfile> inputs = snapshots(1, 4, 400);
        assertRejected("inputs must have at least one profile, got none", List.of(), 5);
        assertRejected(
                "step must be in [100, 400], between the first and the last snapshot, got 99",
                inputs,
                99);
        assertRejected(
                "step must be in [100, 400], between the first and the last snapshot, got 401",
                inputs,
                401);
    }
}
