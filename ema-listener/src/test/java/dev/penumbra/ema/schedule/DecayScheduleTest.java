// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DecayScheduleTest {

    static Stream<DecaySchedule> schedules() {
        DecaySchedule constant = new ConstantDecay(0.999);
        return Stream.of(
                new ConstantDecay(0),
                constant,
                new InversePowerWarmup(0.9999),
                new InversePowerWarmup(0.9999, 10, 0.75),
                new InversePowerWarmup(0.9998, 1, 2.0 / 3, 0.5, 100),
                new ArithmeticMean(),
                new Delayed(0, constant),
                new Delayed(7, constant),
                new Delayed(7, new ArithmeticMean()),
                new Delayed(3, new Delayed(4, new InversePowerWarmup(0.9999))));
    }

    /**
     * Published with timm's ModelEmaV3 and ema-pytorch: where the warmup reaches a decay. The steps
     * have three or four digits, so half a unit of their last one bounds 1 - decay.
     */
    @ParameterizedTest
    @CsvSource({
        "0.6666666666666666,    31_600, 0.999,  0.002",
        "0.6666666666666666, 1_000_000, 0.9999, 0.001",
        "0.75,                  10_000, 0.999,  0.001",
        "0.75,                 215_400, 0.9999, 0.001"
    })
    void inversePowerWarmup_published(double power, String step, double decay, double relative) {
        DecaySchedule schedule = new InversePowerWarmup(0.999999, 1, power);
        long t = Long.parseLong(step.replace("_", ""));
        assertEquals(1 - decay, schedule.weightAt(t), relative * (1 - decay));
    }

    /** The formula of the Javadoc, for each of its three branches. */
    @Test
    void inversePowerWarmup_formula() {
        DecaySchedule schedule = new InversePowerWarmup(0.9, 4, 0.5, 0.25, 10);
        assertEquals(0, schedule.decayAt(11));
        assertEquals(0.25, schedule.decayAt(12));
        assertEquals(1 - 1 / Math.sqrt(1 + 12 / 4.0), schedule.decayAt(23), 1e-15);
        assertEquals(0.9, schedule.decayAt(1000));
    }

    @Test
    void inversePowerWarmup_minDecayWins() {
        assertEquals(0.95, new InversePowerWarmup(0.9, 1, 1, 0.95, 0).decayAt(1000));
    }

    @Test
    void inversePowerWarmup_defaults() {
        assertEquals(new InversePowerWarmup(0.99, 1, 2.0 / 3, 0, 0), new InversePowerWarmup(0.99));
        assertEquals(new InversePowerWarmup(0.99, 5, 2, 0, 0), new InversePowerWarmup(0.99, 5, 2));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 2, 1000, Long.MAX_VALUE})
    void constant_isTheSameAtEveryStep(long step) {
        assertEquals(0.25, new ConstantDecay(0.25).decayAt(step));
        assertEquals(0.75, new ConstantDecay(0.25).weightAt(step));
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "2, 0.5", "4, 0.25", "10, 0.1", "3, 0.3333333333333333"})
    void arithmeticMean_weightIsOneOverTheStep(long step, double weight) {
        assertEquals(weight, new ArithmeticMean().weightAt(step));
        assertEquals((step - 1.0) / step, new ArithmeticMean().decayAt(step));
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
    void delayed_copiesAndThenStartsAtOne() {
        DecaySchedule inner = new InversePowerWarmup(0.9999);
        DecaySchedule delayed = new Delayed(5, inner);
        for (int step = 0; step <= 5; step++) {
            assertEquals(0, delayed.decayAt(step));
            assertEquals(1, delayed.weightAt(step));
        }
        for (int step = 1; step < 100; step++) {
            assertEquals(inner.decayAt(step), delayed.decayAt(5 + step));
            assertEquals(inner.weightAt(step), delayed.weightAt(5 + step));
        }
    }

    @Test
    void delayedByZero_keepsTheSteps() {
        DecaySchedule inner = new InversePowerWarmup(0.9999);
        for (int step = 1; step < 100; step++) {
            assertEquals(inner.decayAt(step), new Delayed(0, inner).decayAt(step));
        }
    }

    @ParameterizedTest
    @MethodSource("schedules")
    void decay_isAShare(DecaySchedule schedule) {
        for (long step = 0; step < 2000; step++) {
            double decay = schedule.decayAt(step);
            assertTrue(decay >= 0 && decay < 1, schedule + " at " + step + ": " + decay);
        }
        double late = schedule.decayAt(Long.MAX_VALUE);
        assertTrue(late >= 0 && late <= 1, schedule + " at last: " + late);
    }

    /** A difference of the shares is rounding: each is a double below 1. */
    @ParameterizedTest
    @MethodSource("schedules")
    void weight_isOneMinusDecay(DecaySchedule schedule) {
        for (long step = 0; step < 2000; step++) {
            assertEquals(1 - schedule.decayAt(step), schedule.weightAt(step), 0x1p-53);
        }
    }

    @ParameterizedTest
    @MethodSource("schedules")
    void decay_neverFalls(DecaySchedule schedule) {
        for (long step = 1; step < 2000; step++) {
            assertTrue(schedule.decayAt(step) >= schedule.decayAt(step - 1), schedule.toString());
        }
    }

    @ParameterizedTest
    @MethodSource("schedules")
    void stepBelowZero_isRefused(DecaySchedule schedule) {
        assertRejected("step must be at least 0, got -1", () -> schedule.decayAt(-1));
        assertRejected("step must be at least 0, got -1", () -> schedule.weightAt(-1));
    }

    /** Step 0 asks before any step, so it has no last word of a warmup or a mean. */
    @Test
    void stepZero() {
        assertEquals(0.5, new ConstantDecay(0.5).decayAt(0));
        assertEquals(0, new InversePowerWarmup(0.9).decayAt(0));
        assertEquals(0, new ArithmeticMean().decayAt(0));
        assertEquals(0, new Delayed(0, new ConstantDecay(0.5)).decayAt(0));
    }

    @Test
    void schedules_areValues() {
        assertEquals(new ConstantDecay(0.5), new ConstantDecay(0.5));
        assertEquals(new ConstantDecay(0.5).hashCode(), new ConstantDecay(0.5).hashCode());
        assertNotEquals(new ConstantDecay(0.5), new ConstantDecay(0.25));
        assertEquals(new ArithmeticMean(), new ArithmeticMean());
        assertEquals(
                new Delayed(2, new ConstantDecay(0.5)), new Delayed(2, new ConstantDecay(0.5)));
        assertNotEquals(
                new Delayed(2, new ConstantDecay(0.5)), new Delayed(3, new ConstantDecay(0.5)));
        assertNotEquals(new InversePowerWarmup(0.9), new InversePowerWarmup(0.9, 1, 1));
    }

    @Test
    void schedules_printTheirSettings() {
        assertEquals("ConstantDecay[decay=0.5]", new ConstantDecay(0.5).toString());
        assertEquals(
                "InversePowerWarmup[decay=0.9, gamma=1.0, power=0.75, minDecay=0.0, startAfter=0]",
                new InversePowerWarmup(0.9, 1, 0.75).toString());
        assertEquals(
                "Delayed[steps=3, schedule=ArithmeticMean[]]",
                new Delayed(3, new ArithmeticMean()).toString());
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, -Double.MIN_VALUE, 1.5, Double.NaN, Double.NEGATIVE_INFINITY})
    void decay_outOfRange(double decay) {
        String message = "decay must be in [0, 1), got " + decay;
        assertRejected(message, () -> new ConstantDecay(decay));
        assertRejected(message, () -> new InversePowerWarmup(decay));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, -Double.MIN_VALUE, Double.NaN})
    void minDecay_outOfRange(double decay) {
        assertRejected(
                "minDecay must be in [0, 1), got " + decay,
                () -> new InversePowerWarmup(0.9, 1, 1, decay, 0));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.POSITIVE_INFINITY, Double.NaN})
    void gammaAndPower_outOfRange(double value) {
        assertRejected(
                "gamma must be finite and above 0, got " + value,
                () -> new InversePowerWarmup(0.9, value, 1));
        assertRejected(
                "power must be finite and above 0, got " + value,
                () -> new InversePowerWarmup(0.9, 1, value));
    }

    @Test
    void counts_belowZero() {
        assertRejected(
                "startAfter must be at least 0, got -1",
                () -> new InversePowerWarmup(0.9, 1, 1, 0, -1));
        assertRejected(
                "steps must be at least 0, got -1", () -> new Delayed(-1, new ArithmeticMean()));
    }

    @Test
    @SuppressWarnings("NullAway") // what callers without null checks may do
    void schedule_null() {
        NullPointerException e =
                assertThrows(NullPointerException.class, () -> new Delayed(1, null));
        assertEquals("schedule", e.getMessage());
    }

    @Test
    void largestAcceptedValues() {
        double below = Math.nextDown(1.0);
        assertEquals(below, new ConstantDecay(below).decayAt(1));
        assertEquals(below, new InversePowerWarmup(0, 1, 1, below, 0).decayAt(5));
        assertEquals(
                0, new Delayed(Long.MAX_VALUE, new ConstantDecay(0.5)).decayAt(Long.MAX_VALUE));
    }

    private static void assertRejected(String message, Executable executable) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, executable).getMessage());
    }
}
