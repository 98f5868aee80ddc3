// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The formulas of the schedules that rise or fall towards a value. */
final class WarmupsTest {

    /** A few roundings below 1. */
    private static final double ROUNDING = 4 * 0x1p-53;

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
        DecaySchedule schedule = Decays.inversePower(0.999999, 1, power);
        long t = Long.parseLong(step.replace("_", ""));
        assertEquals(1 - decay, schedule.weightAt(t), relative * (1 - decay));
    }

    /** The formula of the Javadoc, for each of its three branches. */
    @Test
    void inversePowerWarmup_formula() {
        DecaySchedule schedule = Decays.inversePower(0.9, 4, 0.5, 0.25, 10);
        assertEquals(0, schedule.decayAt(11));
        assertEquals(1, schedule.weightAt(11));
        assertEquals(0.25, schedule.decayAt(12));
        assertEquals(0.75, schedule.weightAt(12));
        assertEquals(1 - 1 / Math.sqrt(1 + 12 / 4.0), schedule.decayAt(23), 1e-15);
        assertEquals(1 / Math.sqrt(1 + 12 / 4.0), schedule.weightAt(23), 1e-15);
        assertEquals(0.9, schedule.decayAt(1000));
        assertEquals(1 - 0.9, schedule.weightAt(1000));
    }

    @Test
    void inversePowerWarmup_minDecayWins() {
        assertEquals(0.95, Decays.inversePower(0.9, 1, 1, 0.95, 0).decayAt(1000));
        assertEquals(1 - 0.95, Decays.inversePower(0.9, 1, 1, 0.95, 0).weightAt(1000));
    }

    @Test
    void inversePowerWarmup_defaults() {
        assertEquals(Decays.inversePower(0.99, 1, 2.0 / 3, 0, 0), Decays.inversePower(0.99));
        assertEquals(Decays.inversePower(0.99, 5, 2, 0, 0), Decays.inversePower(0.99, 5, 2));
    }

    /** Its weights late in a run are not differences of decays near 1. */
    @Test
    void inversePowerWarmup_weightKeepsItsDigits() {
        DecaySchedule mean = Decays.inversePower(1, 1, 1);
        double weight = 1 / 3e15;
        assertEquals(weight, mean.weightAt(3_000_000_000_000_000L), 1e-15 * weight);
    }

    /** The steps of the Javadoc, which are exact: 1 - decay = 9 / (10 + t). */
    @Test
    void ratioWarmup_formula() {
        DecaySchedule schedule = Decays.ratio(0.999);
        assertEquals(0.1, schedule.decayAt(0));
        assertEquals(2.0 / 11, schedule.decayAt(1));
        assertEquals(9.0 / 11, schedule.weightAt(1));
        assertEquals(0.999, Decays.ratio(1).decayAt(8990));
        assertEquals(0.9999, Decays.ratio(1).decayAt(89_990));
        assertEquals(0.999, schedule.decayAt(9000));
        assertEquals(1 - 0.999, schedule.weightAt(9000));
        assertEquals(Decays.ratio(0.9, 0, 10), Decays.ratio(0.9));
    }

    @Test
    void ratioWarmup_minDecayWins() {
        assertEquals(0.3, Decays.ratio(0.9, 0.3, 10).decayAt(1));
        assertEquals(0.7, Decays.ratio(0.9, 0.3, 10).weightAt(1));
        assertEquals(0.95, Decays.ratio(0.9, 0.95, 10).decayAt(5000));
    }

    @Test
    void ratioWarmup_offset() {
        assertEquals(0.75, Decays.ratio(1, 0, 2).decayAt(2));
        assertEquals(1, Decays.ratio(1, 0, 1).decayAt(2));
    }

    @ParameterizedTest
    @CsvSource({"0, 0.5", "1, 0.525", "10, 0.75", "19, 0.975", "20, 1", "21, 1", "9999, 1"})
    void linearWarmup_formula(long step, double decay) {
        assertEquals(decay, Decays.linear(0.5, 1, 20).decayAt(step), ROUNDING);
        assertEquals(1 - decay, Decays.linear(0.5, 1, 20).weightAt(step), ROUNDING);
        assertEquals(1.5 - decay, Decays.linear(1, 0.5, 20).decayAt(step), ROUNDING);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "5, 0.25",
        "10, 0.5",
        "20, 0.625",
        "25, 0.6875",
        "30, 0.75",
        "31, 0.75",
        "99, 0.75"
    })
    void twoStageWarmup_formula(long step, double decay) {
        DecaySchedule schedule = Decays.twoStage(0, 0.5, 0.75, 10, 20);
        assertEquals(decay, schedule.decayAt(step));
        assertEquals(1 - decay, schedule.weightAt(step));
    }

    @Test
    void twoStageWarmup_isTwoLines() {
        DecaySchedule schedule = Decays.twoStage(0.3, 0.9, 0.99, 13, 77);
        for (long step = 0; step <= 13; step++) {
            DecaySchedule first = Decays.linear(0.3, 0.9, 13);
            assertEquals(first.decayAt(step), schedule.decayAt(step));
        }
        for (long step = 14; step < 100; step++) {
            DecaySchedule second = Decays.linear(0.9, 0.99, 77);
            assertEquals(second.decayAt(step - 13), schedule.decayAt(step));
        }
    }

    /** Quarters of the way, where the cosine is a root of 1/2, 0 and its negative. */
    @Test
    void cosineSchedule_formula() {
        double root = Math.sqrt(0.5);
        DecaySchedule rising = Decays.cosine(0.5, 1, 1000);
        assertEquals(0.5, rising.decayAt(0));
        assertEquals(1 - 0.5 * (1 + root) / 2, rising.decayAt(250), ROUNDING);
        assertEquals(0.75, rising.decayAt(500), ROUNDING);
        assertEquals(1 - 0.5 * (1 - root) / 2, rising.decayAt(750), ROUNDING);
        assertEquals(1, rising.decayAt(1000));
        assertEquals(0, rising.weightAt(1000));
        assertEquals(1, rising.decayAt(5000));
        DecaySchedule falling = Decays.cosine(1, 0.5, 1000);
        assertEquals(1, falling.decayAt(0));
        assertEquals(0.5 + 0.5 * (1 + root) / 2, falling.decayAt(250), ROUNDING);
        assertEquals(0.5, falling.decayAt(1000));
    }

    /** One step before the end the weight is a square of a small sine, and keeps its digits. */
    @Test
    void cosineSchedule_weightKeepsItsDigits() {
        double sine = Math.sin(Math.PI / 2 / 1_000_000);
        double weight = Decays.cosine(0.5, 1, 1_000_000).weightAt(999_999);
        // The cosine's argument is rounded near pi/2, by 2^-53, and its value is 1.6e-6.
        assertEquals(0.5 * sine * sine, weight, 1e-9 * weight);
    }

    /** The values of BYOL's formula, 1 - (1 - b) (cos(pi k / K) + 1) / 2. */
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 77, 500, 999, 1000})
    void cosineSchedule_isByols(long k) {
        double byol = 1 - (1 - 0.996) * (Math.cos(Math.PI * k / 1000) + 1) / 2;
        assertEquals(byol, Decays.cosine(0.996, 1, 1000).decayAt(k), ROUNDING);
    }

    @Test
    void exponentialWarmup_formula() {
        DecaySchedule schedule = Decays.exponential(0.9999, 2000);
        assertEquals(0, schedule.decayAt(0));
        assertEquals(1, schedule.weightAt(0));
        assertEquals(0.6320573467726748, schedule.decayAt(2000), ROUNDING);
        assertEquals(1 - 0.6320573467726748, schedule.weightAt(2000), ROUNDING);
        assertEquals(Math.exp(-30), Decays.exponential(1, 1).weightAt(30), 1e-25);
    }

    @Test
    void geometricWarmup_formula() {
        DecaySchedule schedule = Decays.geometric(0.25, 0.5, 100);
        assertEquals(0.25, schedule.decayAt(0));
        assertEquals(0.5 * Math.pow(2, -0.75), schedule.decayAt(25), ROUNDING);
        assertEquals(Math.sqrt(0.125), schedule.decayAt(50), ROUNDING);
        assertEquals(0.5, schedule.decayAt(100));
        assertEquals(0.5, schedule.decayAt(101));
        assertEquals(0.5, schedule.weightAt(101));
    }

    @Test
    void inverseSquareRoot_formula() {
        assertEquals(0, Decays.inverseSquareRoot().decayAt(0));
        assertEquals(0.5, Decays.inverseSquareRoot().decayAt(3));
        assertEquals(0.01, Decays.inverseSquareRoot().weightAt(9999));
        assertEquals(0x1p-25, Decays.inverseSquareRoot().weightAt((1L << 50) - 1));
    }

    @Test
    void momentumAnnealing_formula() {
        DecaySchedule schedule = Decays.momentumAnnealing(0.98, 100);
        assertEquals(0, schedule.decayAt(1));
        assertEquals(1, schedule.weightAt(1));
        assertEquals(0.5, schedule.decayAt(101));
        assertEquals(0.5, schedule.weightAt(101));
        assertEquals(0.75, schedule.decayAt(301));
        assertEquals(0.98, schedule.decayAt(5000));
        assertEquals(1 - 0.98, schedule.weightAt(5000));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 10, 1000})
    void momentumAnnealing_ofOneIsTheMean(long step) {
        DecaySchedule schedule = Decays.momentumAnnealing(1, 1);
        assertEquals(1.0 / step, schedule.weightAt(step));
    }

    @Test
    void halfLifeRampUp_formula() {
        DecaySchedule schedule = Decays.halfLifeRampUp(20, 0.1);
        assertEquals(Math.pow(0.5, 10), schedule.decayAt(1));
        assertEquals(0.5, schedule.decayAt(10));
        assertEquals(0.5, schedule.weightAt(10), 0x1p-53);
        assertEquals(Math.sqrt(0.5), schedule.decayAt(20), 0x1p-53);
        assertEquals(Math.pow(0.5, 0.05), schedule.decayAt(200), 0x1p-53);
        assertEquals(Math.pow(0.5, 0.05), schedule.decayAt(201), 0x1p-53);
        DecaySchedule endless = Decays.halfLifeRampUp(Double.POSITIVE_INFINITY, 0.1);
        assertEquals(Math.log(2) * 1e-11, endless.weightAt(1_000_000_000_000L), 1e-21);
    }

    /** The average equals a zero-initialized one divided by the sum of its weights. */
    @ParameterizedTest
    @CsvSource({"0.5, 1", "0.9, 42", "0.999, 20260824", "0, 3"})
    void biasCorrectedDecay_isTheDebiasedAverage(double decay, long seed) {
        Random random = new Random(seed);
        DecaySchedule schedule = Decays.biasCorrected(decay);
        double average = 1e3;
        double zeroed = 0;
        double weights = 0;
        for (int step = 1; step <= 500; step++) {
            double value = random.nextGaussian();
            zeroed = decay * zeroed + (1 - decay) * value;
            weights = decay * weights + (1 - decay);
            average = average + schedule.weightAt(step) * (value - average);
            assertEquals(zeroed / weights, average, 1e-12);
        }
    }

    @Test
    void biasCorrectedDecay_formula() {
        DecaySchedule schedule = Decays.biasCorrected(0.5);
        assertEquals(0, schedule.decayAt(1));
        assertEquals(1.0 / 3, schedule.decayAt(2), 0x1p-53);
        assertEquals(3.0 / 7, schedule.decayAt(3), 0x1p-53);
        assertEquals(4.0 / 7, schedule.weightAt(3), 0x1p-53);
        assertEquals(0.5, schedule.decayAt(10_000));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, -Double.MIN_VALUE, 1.5, Double.NaN, Double.NEGATIVE_INFINITY})
    void decay_notInTheHalfOpenRange(double value) {
        String message = "decay must be in [0, 1), got " + value;
        assertRejected(message, () -> new ConstantDecay(value));
        assertRejected(message, () -> Decays.biasCorrected(value));
        String minDecay = "minDecay must be in [0, 1), got " + value;
        assertRejected(minDecay, () -> Decays.inversePower(0.9, 1, 1, value, 0));
        assertRejected(minDecay, () -> Decays.ratio(0.9, value, 10));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1.0000000000000002, -Double.MIN_VALUE, Double.NaN})
    void share_notInTheClosedRange(double value) {
        String rule = " must be in [0, 1], got " + value;
        assertRejected("decay" + rule, () -> Decays.inversePower(value));
        assertRejected("decay" + rule, () -> Decays.ratio(value));
        assertRejected("decay" + rule, () -> Decays.exponential(value, 1));
        assertRejected("decay" + rule, () -> Decays.momentumAnnealing(value, 1));
        assertRejected("from" + rule, () -> Decays.linear(value, 0.5, 1));
        assertRejected("to" + rule, () -> Decays.linear(0.5, value, 1));
        assertRejected("from" + rule, () -> Decays.cosine(value, 0.5, 1));
        assertRejected("to" + rule, () -> Decays.cosine(0.5, value, 1));
        assertRejected("from" + rule, () -> Decays.twoStage(value, 0, 0, 1, 1));
        assertRejected("middle" + rule, () -> Decays.twoStage(0, value, 0, 1, 1));
        assertRejected("to" + rule, () -> Decays.twoStage(0, 0, value, 1, 1));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1.0000000000000002, 0, -1, Double.NaN})
    void share_notPositive(double value) {
        String rule = " must be in (0, 1], got " + value;
        assertRejected("from" + rule, () -> Decays.geometric(value, 0.5, 1));
        assertRejected("to" + rule, () -> Decays.geometric(0.5, value, 1));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.POSITIVE_INFINITY, Double.NaN})
    void scale_notPositive(double value) {
        String rule = " must be finite and above 0, got " + value;
        assertRejected("gamma" + rule, () -> Decays.inversePower(0.9, value, 1));
        assertRejected("power" + rule, () -> Decays.inversePower(0.9, 1, value));
        assertRejected("tau" + rule, () -> Decays.exponential(0.9, value));
        assertRejected("gamma" + rule, () -> Decays.momentumAnnealing(0.9, value));
        assertRejected("ratio" + rule, () -> Decays.halfLifeRampUp(1, value));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.NaN})
    void halfLife_notPositive(double value) {
        assertRejected(
                "halfLife must be above 0, got " + value, () -> Decays.halfLifeRampUp(value, 1));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.9999999999999999, -1, Double.POSITIVE_INFINITY, Double.NaN})
    void offset_belowOne(double value) {
        assertRejected(
                "offset must be finite and at least 1, got " + value,
                () -> Decays.ratio(0.9, 0, value));
    }

    @Test
    void counts_tooSmall() {
        assertRejected(
                "startAfter must be at least 0, got -1",
                () -> Decays.inversePower(0.9, 1, 1, 0, -1));
        String rule = " must be at least 1, got 0";
        assertRejected("steps" + rule, () -> Decays.linear(0, 1, 0));
        assertRejected("steps" + rule, () -> Decays.cosine(0, 1, 0));
        assertRejected("steps" + rule, () -> Decays.geometric(1, 1, 0));
        assertRejected("firstSteps" + rule, () -> Decays.twoStage(0, 0, 0, 0, 1));
        assertRejected("secondSteps" + rule, () -> Decays.twoStage(0, 0, 0, 1, 0));
    }

    @Test
    void largestAcceptedValues() {
        double below = Math.nextDown(1.0);
        assertEquals(below, new ConstantDecay(below).decayAt(1));
        assertEquals(below, Decays.inversePower(0, 1, 1, below, 0).decayAt(5));
        assertEquals(1, Decays.inversePower(1, 1, 1).decayAt(Long.MAX_VALUE));
    }
}
