// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class KlAnnealingTest {

    private static List<Double> weights(KlWeightSchedule schedule, int steps) {
        List<Double> weights = new ArrayList<>();
        for (int step = 0; step < steps; step++) {
            weights.add(schedule.weightAt(step));
        }
        return weights;
    }

    @ParameterizedTest
    @CsvSource({"LINEAR, 0.25, 0.75", "COSINE, 0.14644660940672624, 0.8535533905932737"})
    void shape_closedForm(RampShape shape, double quarter, double threeQuarters) {
        assertEquals(quarter, shape.at(0.25), 1e-16);
        assertEquals(threeQuarters, shape.at(0.75), 1e-15);
    }

    /** The logistic function of 12 u - 6, stretched so that its ends are 0 and 1. */
    @ParameterizedTest
    @CsvSource({"0.1", "0.25", "0.6", "0.9"})
    void sigmoid_isAStretchedLogistic(double u) {
        double lowest = 1 / (1 + Math.exp(6));
        double logistic = 1 / (1 + Math.exp(6 - 12 * u));
        assertEquals((logistic - lowest) / (1 - 2 * lowest), RampShape.SIGMOID.at(u), 1e-15);
    }

    @ParameterizedTest
    @EnumSource(RampShape.class)
    void shape_isExactAtBothEndsAndRises(RampShape shape) {
        assertEquals(0, shape.at(0));
        assertEquals(1, shape.at(1));
        assertEquals(0.5, shape.at(0.5), 1e-15);
        for (int i = 1; i <= 1000; i++) {
            assertTrue(shape.at(i / 1000.0) > shape.at((i - 1) / 1000.0));
        }
    }

    @Test
    void monotone_risesOnceAndStays() {
        KlAnnealing schedule = KlAnnealing.monotone(2, 4, RampShape.LINEAR);
        assertEquals(List.of(0.0, 0.5, 1.0, 1.5, 2.0, 2.0), weights(schedule, 6));
        assertEquals(2, schedule.weightAt(Long.MAX_VALUE));
    }

    @Test
    void delay_comesFirst() {
        KlAnnealing schedule = KlAnnealing.monotone(1, 2, RampShape.LINEAR).withDelay(3);
        assertEquals(List.of(0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0), weights(schedule, 7));
    }

    @Test
    void start_isTheLowestWeight() {
        KlAnnealing schedule =
                KlAnnealing.cyclical(1, 8, 2, RampShape.LINEAR).withStart(0.5).withDelay(1);
        assertEquals(
                List.of(0.5, 0.5, 0.75, 1.0, 1.0, 0.5, 0.75, 1.0, 1.0, 1.0), weights(schedule, 10));
    }

    @Test
    void ratio_isTheShareOfTheRamp() {
        KlAnnealing schedule = KlAnnealing.cyclical(1, 8, 2, RampShape.LINEAR).withRatio(1);
        assertEquals(
                List.of(0.0, 0.25, 0.5, 0.75, 0.0, 0.25, 0.5, 0.75, 1.0), weights(schedule, 9));
        assertEquals(List.of(1.0, 1.0), weights(schedule.withRatio(0), 2));
    }

    @Test
    void hold_followsEachCycle() {
        KlAnnealing schedule =
                KlAnnealing.cyclical(1, 4, 2, RampShape.LINEAR).withRatio(1).withHold(2);
        assertEquals(List.of(0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0, 1.0), weights(schedule, 9));
    }

    @Test
    void descent_isPossible() {
        KlAnnealing schedule = KlAnnealing.monotone(0, 4, RampShape.LINEAR).withStart(1);
        assertEquals(List.of(1.0, 0.75, 0.5, 0.25, 0.0), weights(schedule, 5));
    }

    @Test
    void constant_isTheSameAlways() {
        assertEquals(List.of(0.3, 0.3, 0.3), weights(KlAnnealing.constant(0.3), 3));
        KlAnnealing flat = KlAnnealing.monotone(0.3, 7, RampShape.SIGMOID).withStart(0.3);
        assertEquals(List.of(0.3, 0.3, 0.3, 0.3), weights(flat, 4));
    }

    /** 10 steps in 4 cycles: a cycle begins at steps 0, 3, 5 and 8, none is cut short. */
    @Test
    void cycles_ofBrokenLength_neitherDriftNorLoseTheirEnds() {
        KlAnnealing schedule = KlAnnealing.cyclical(1, 10, 4, RampShape.LINEAR).withRatio(1);
        double[] expected = {0, 0.4, 0.8, 0.2, 0.6, 0, 0.4, 0.8, 0.2, 0.6, 1, 1};
        for (int step = 0; step < expected.length; step++) {
            assertEquals(expected[step], schedule.weightAt(step), 1e-15);
        }
    }

    /** Where the length of a cycle is whole, the published closed form is the same. */
    @ParameterizedTest
    @CsvSource({"40, 4, 0.5", "40, 4, 1", "1000, 5, 0.3", "24, 3, 0.75"})
    void cyclical_equalsThePublishedForm(long steps, long cycles, double ratio) {
        KlAnnealing schedule =
                KlAnnealing.cyclical(1, steps, cycles, RampShape.LINEAR).withRatio(ratio);
        KlWeightSchedule published = LibrarySchedules.fu(steps, cycles, ratio);
        for (long step = 0; step < steps; step++) {
            assertEquals(published.weightAt(step), schedule.weightAt(step), 1e-15);
        }
    }

    @Test
    void weight_neverLeavesItsBounds() {
        for (RampShape shape : RampShape.values()) {
            KlAnnealing schedule = new KlAnnealing(1e-6, 0.1, 3, 1001, 7, 0.37, 5, shape);
            double previous = 0;
            for (long step = 0; step < 1100; step++) {
                double weight = schedule.weightAt(step);
                assertTrue(weight >= 1e-6 && weight <= 0.1);
                assertTrue(weight >= previous || previous == 0.1);
                previous = weight;
            }
            assertEquals(0.1, previous);
        }
    }

    @Test
    void ramp_isCappedAndSharesItsSlope() {
        KlRamp ramp = new KlRamp(0.3, 10);
        assertEquals(List.of(0.0, 0.1, 0.2, 0.3, 0.3), weights(ramp, 5));
        assertEquals(0.1, new KlRamp(1, 10).weightAt(1));
        assertEquals(0.3, ramp.weightAt(Long.MAX_VALUE));
    }

    @Test
    void record_isPrintedWhole() {
        assertEquals(
                "KlAnnealing[start=0.0, end=1.0, delay=0, steps=40, cycles=4, ratio=0.5, hold=0,"
                        + " shape=COSINE]",
                KlAnnealing.cyclical(1, 40, 4, RampShape.COSINE).toString());
    }

    @Test
    void arguments_areRejected() {
        KlAnnealing ramp = KlAnnealing.monotone(1, 4, RampShape.LINEAR);
        assertRejected("step must be at least 0, got -1", () -> ramp.weightAt(-1));
        assertRejected("start must be finite and at least 0, got -0.1", () -> ramp.withStart(-0.1));
        assertRejected(
                "end must be finite and at least 0, got NaN",
                () -> KlAnnealing.monotone(Double.NaN, 1, RampShape.LINEAR));
        assertRejected("delay must be at least 0, got -1", () -> ramp.withDelay(-1));
        assertRejected("ratio must be in [0, 1], got 1.5", () -> ramp.withRatio(1.5));
        assertRejected("hold must be at least 0, got -2", () -> ramp.withHold(-2));
        assertRejected(
                "steps must be at least 1, got 0",
                () -> KlAnnealing.monotone(1, 0, RampShape.LINEAR));
        assertRejected(
                "cycles must be at least 1, got 0",
                () -> KlAnnealing.cyclical(1, 4, 0, RampShape.LINEAR));
        assertRejected(
                "cycles must be at most steps, got cycles=5 and steps=4",
                () -> KlAnnealing.cyclical(1, 4, 5, RampShape.LINEAR));
        assertRejected(
                "(steps + hold * cycles) * cycles must be below 2^62, got steps=4611686018427387904,"
                        + " cycles=2 and hold=0",
                () -> KlAnnealing.cyclical(1, 1L << 62, 2, RampShape.LINEAR));
        assertRejected("weight must be finite and at least 0, got -1.0", () -> new KlRamp(-1, 1));
        assertRejected("steps must be at least 1, got 0", () -> new KlRamp(1, 0));
    }
}
