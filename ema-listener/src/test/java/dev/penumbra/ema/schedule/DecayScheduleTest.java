// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What every schedule promises. */
final class DecayScheduleTest {

    private static final long[][] RANGES = {
        {0, 1},
        {0, 5},
        {1, 2},
        {1, 30},
        {3, 4},
        {5, 12},
        {6, 9},
        {9, 10},
        {10, 40},
        {24, 100},
        {99, 101},
        {40, 41},
        {41, 1000},
        {500, 2000}
    };

    static Stream<DecaySchedule> all() {
        return Schedules.all();
    }

    static Stream<DecaySchedule> rising() {
        return Schedules.rising();
    }

    @ParameterizedTest
    @MethodSource("all")
    void decayAndWeight_areShares(DecaySchedule schedule) {
        for (long step = 0; step < 2000; step++) {
            requireShare(schedule.decayAt(step), schedule, step);
            requireShare(schedule.weightAt(step), schedule, step);
        }
        requireShare(schedule.decayAt(1L << 40), schedule, 1L << 40);
        requireShare(schedule.weightAt(1L << 40), schedule, 1L << 40);
    }

    private static void requireShare(double share, DecaySchedule schedule, long step) {
        assertTrue(share >= 0 && share <= 1, schedule + " at " + step + ": " + share);
    }

    /** Both round, and powers round their base before: a part in 10^14 of a decay near 1. */
    @ParameterizedTest
    @MethodSource("all")
    void weight_isOneMinusDecay(DecaySchedule schedule) {
        for (long step = 0; step < 2000; step++) {
            assertEquals(1 - schedule.decayAt(step), schedule.weightAt(step), 1e-14);
        }
    }

    @ParameterizedTest
    @MethodSource("rising")
    void decay_neverFalls(DecaySchedule schedule) {
        for (long step = 1; step < 2000; step++) {
            double before = schedule.decayAt(step - 1);
            assertTrue(schedule.decayAt(step) >= before - 0x1p-53, schedule + " at " + step);
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void decayOver_isTheProduct(DecaySchedule schedule) {
        for (long[] range : RANGES) {
            double product = 1;
            for (long step = range[0] + 1; step <= range[1]; step++) {
                product *= schedule.decayAt(step);
            }
            String at = schedule + " over " + range[0] + " to " + range[1];
            assertEquals(product, schedule.decayOver(range[0], range[1]), 1e-12, at);
            assertEquals(1 - product, schedule.weightOver(range[0], range[1]), 1e-12, at);
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void decayOver_composes(DecaySchedule schedule) {
        for (long[] range : RANGES) {
            for (long middle : new long[] {range[0] + 1, (range[0] + range[1]) / 2}) {
                if (middle > range[0] && middle < range[1]) {
                    double both =
                            schedule.decayOver(range[0], middle)
                                    * schedule.decayOver(middle, range[1]);
                    assertEquals(both, schedule.decayOver(range[0], range[1]), 1e-12);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void decayOverOneStep_isThatStepsDecay(DecaySchedule schedule) {
        for (long step = 1; step < 300; step++) {
            assertEquals(schedule.decayAt(step), schedule.decayOver(step - 1, step), 1e-14);
            assertEquals(schedule.weightAt(step), schedule.weightOver(step - 1, step), 1e-14);
        }
    }

    /** The weight of one update for many steps keeps its digits where one minus the decay loses. */
    @Test
    void weightOver_ofTinyWeights() {
        // A weight of 2^-40 per step, 1000 times: 1000 w - 999 * 500 w^2 and less than w^2 more.
        double w = 0x1p-40;
        double exact = 1000 * w - 499500 * w * w;
        assertEquals(exact, new ConstantDecay(1 - w).weightOver(5, 1005), 1e-14 * exact);
        DecaySchedule product = new ArithmeticMean().clamped(1 - w, 1 - w);
        assertEquals(exact, product.weightOver(5, 1005), 1e-12 * exact);
        double late = 3 / (1e15 + 3);
        DecaySchedule mean = Decays.inversePower(1, 1, 1);
        long t = 1_000_000_000_000_000L;
        assertEquals(late, new ArithmeticMean().weightOver(t, t + 3), 1e-15 * late);
        assertEquals(late, mean.weightOver(t, t + 3), 1e-14 * late);
        assertEquals(3 * late, new PowerFunction(2).weightOver(t, t + 3), 1e-14 * late);
    }

    /** The recurrence with the schedule's weights gives the plain mean of everything seen. */
    @ParameterizedTest
    @ValueSource(longs = {1, 42, 20260824})
    void arithmeticMean(long seed) {
        Random random = new Random(seed);
        double average = random.nextGaussian();
        double sum = 0;
        for (int step = 1; step <= 1000; step++) {
            double value = random.nextGaussian();
            sum += value;
            average += new ArithmeticMean().weightAt(step) * (value - average);
            assertEquals(sum / step, average, 1e-13);
        }
    }

    @Test
    void arithmeticMean_isExact() {
        for (long step = 1; step < 100; step++) {
            assertEquals(1.0 / step, new ArithmeticMean().weightAt(step));
            assertEquals((step - 1.0) / step, new ArithmeticMean().decayAt(step));
        }
        assertEquals(0.3, new ArithmeticMean().decayOver(3, 10));
        assertEquals(0.7, new ArithmeticMean().weightOver(3, 10));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 1000, Long.MAX_VALUE})
    void constant_isTheSameAtEveryStep(long step) {
        assertEquals(0.25, new ConstantDecay(0.25).decayAt(step));
        assertEquals(0.75, new ConstantDecay(0.25).weightAt(step));
        assertEquals(0.0625, new ConstantDecay(0.25).decayOver(7, 9));
        assertEquals(0.9375, new ConstantDecay(0.25).weightOver(7, 9), 0x1p-53);
    }

    /** Step 0 asks before any step, so it has no last word of a warmup or a mean. */
    @Test
    void stepZero() {
        assertEquals(0.5, new ConstantDecay(0.5).decayAt(0));
        assertEquals(0, Decays.inversePower(0.9).decayAt(0));
        assertEquals(0, new ArithmeticMean().decayAt(0));
        assertEquals(0, new PowerFunction(3).decayAt(0));
        assertEquals(0, Decays.biasCorrected(0.9).decayAt(0));
        assertEquals(0, Decays.halfLifeRampUp(3, 0.1).decayAt(0));
        assertEquals(0, new ConstantDecay(0.5).copyFirst(0).decayAt(0));
        assertEquals(1, new ConstantDecay(0.5).startAfter(0).decayAt(0));
        assertEquals(1, new ConstantDecay(0.5).every(3).decayAt(0));
    }

    @Test
    void schedules_areValues() {
        assertEquals(Schedules.rules().toList(), Schedules.rules().toList());
        assertEquals(Schedules.rules().toList().hashCode(), Schedules.rules().toList().hashCode());
        assertEquals(Schedules.rules().count(), Schedules.rules().distinct().count());
        assertNotEquals(new ConstantDecay(0.5), new ConstantDecay(0.25));
    }

    @Test
    void schedules_printTheirSettings() {
        assertEquals("ConstantDecay[decay=0.5]", new ConstantDecay(0.5).toString());
        assertEquals(
                "InversePowerWarmup[decay=0.9, gamma=1.0, power=0.75, minDecay=0.0, startAfter=0]",
                Decays.inversePower(0.9, 1, 0.75).toString());
        assertEquals(
                "CopyFirst[steps=3, schedule=ArithmeticMean[]]",
                new ArithmeticMean().copyFirst(3).toString());
    }

    @ParameterizedTest
    @MethodSource("all")
    void stepBelowZero_isRefused(DecaySchedule schedule) {
        assertRejected("step must be at least 0, got -1", () -> schedule.decayAt(-1));
        assertRejected("step must be at least 0, got -1", () -> schedule.weightAt(-1));
    }

    @ParameterizedTest
    @MethodSource("all")
    void emptyRange_isRefused(DecaySchedule schedule) {
        assertRejected("from must be at least 0, got -1", () -> schedule.decayOver(-1, 3));
        assertRejected("from must be at least 0, got -2", () -> schedule.weightOver(-2, 3));
        assertRejected(
                "to must be above from, got from=3 and to=3", () -> schedule.decayOver(3, 3));
        assertRejected(
                "to must be above from, got from=3 and to=2", () -> schedule.weightOver(3, 2));
    }
}
