// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Times in human units and what a decay means. */
final class UnitsTest {

    private static final RunSize RUN = new RunSize(10_000, 500, 64);

    @Test
    void times_inSteps() {
        assertEquals(100, RUN.samples(6400));
        assertEquals(1250, RUN.epochs(2.5));
        assertEquals(500, RUN.fraction(0.05));
    }

    /**
     * The same half-life in samples under half the batch, and under accumulation of two batches:
     * the average keeps the same share of a model over the same samples.
     */
    @ParameterizedTest
    @ValueSource(longs = {16, 32, 64, 128, 256})
    void halfLifeInSamples_doesNotDependOnTheBatch(long samplesPerStep) {
        RunSize size =
                new RunSize(640_000 / samplesPerStep, 64_000 / samplesPerStep, samplesPerStep);
        for (double halfLife :
                new double[] {size.samples(51_200), size.epochs(0.8), size.fraction(0.08)}) {
            DecaySchedule schedule = ConstantDecay.ofHalfLife(halfLife);
            long steps = 51_200 / samplesPerStep;
            assertEquals(0.5, schedule.decayOver(7, 7 + steps), 1e-13);
            assertEquals(0.25, schedule.decayOver(0, 2 * steps), 1e-13);
            assertEquals(0.5, schedule.every(5).decayOver(0, steps), 1e-13);
        }
    }

    @Test
    void timeConstant_fallsToOneOverE() {
        DecaySchedule schedule = ConstantDecay.ofTimeConstant(RUN.epochs(2));
        // The decay is rounded by up to 2^-54, and 1000 steps multiply that.
        assertEquals(Math.exp(-1), schedule.decayOver(0, 1000), 1e-13);
        assertEquals(ConstantDecay.ofTimeConstant(1000), schedule);
    }

    @Test
    void halfLife_values() {
        assertEquals(0.9993070929904525, ConstantDecay.ofHalfLife(1000).decay());
        assertEquals(0.999000499833375, ConstantDecay.ofTimeConstant(1000).decay(), 0x1p-53);
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 0.5, 0.9, 0.999, 0.99999})
    void times_areInverses(double decay) {
        ConstantDecay constant = new ConstantDecay(decay);
        assertEquals(decay, ConstantDecay.ofHalfLife(constant.halfLife()).decay(), 1e-15);
        assertEquals(decay, ConstantDecay.ofTimeConstant(constant.timeConstant()).decay(), 1e-15);
        assertEquals(0.5, Math.pow(decay, constant.halfLife()), 1e-13);
        assertEquals(Math.exp(-1), Math.pow(decay, constant.timeConstant()), 1e-13);
    }

    @Test
    void times_values() {
        assertEquals(1, new ConstantDecay(0.5).halfLife());
        assertEquals(692.8005491785002, new ConstantDecay(0.999).halfLife(), 1e-9);
        assertEquals(999.4999166249727, new ConstantDecay(0.999).timeConstant(), 1e-8);
        assertEquals(0.5, ConstantDecay.ofHalfLife(1).decay());
        assertEquals(0, new ConstantDecay(0).halfLife());
        assertEquals(0, new ConstantDecay(0).timeConstant());
        assertEquals(1000, new ConstantDecay(0.999).effectiveWindow(), 1e-9);
        assertEquals(1, new ConstantDecay(0).effectiveWindow());
        assertEquals(0.8, ConstantDecay.ofRuleOfThumb(100).decay());
        assertEquals(0, ConstantDecay.ofRuleOfThumb(4).decay());
    }

    /** The sum of the squared weights, each of which takes its share of the variance. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3, 0.9, 0.99})
    void varianceReduction_isTheSumOfSquares(double decay) {
        double sum = 0;
        for (int age = 0; age < 4000; age++) {
            sum += Math.pow((1 - decay) * Math.pow(decay, age), 2);
        }
        assertEquals(sum, new ConstantDecay(decay).varianceReduction(), 1e-14);
    }

    /** The mean age of the weights, the latest being 1 step old. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3, 0.9, 0.99})
    void effectiveWindow_isTheMeanAge(double decay) {
        double mean = 0;
        for (int age = 1; age < 5000; age++) {
            mean += age * (1 - decay) * Math.pow(decay, age - 1);
        }
        assertEquals(mean, new ConstantDecay(decay).effectiveWindow(), 1e-10);
    }

    /** The transfer function itself, whose power there is one half. */
    @ParameterizedTest
    @ValueSource(doubles = {0.17157287525381, 0.2, 0.5, 0.9, 0.999, 0.99999})
    void cutoffFrequency_halvesThePower(double decay) {
        double omega = 2 * Math.PI * new ConstantDecay(decay).cutoffFrequency();
        double real = 1 - decay * Math.cos(omega);
        double imaginary = decay * Math.sin(omega);
        double power = (1 - decay) * (1 - decay) / (real * real + imaginary * imaginary);
        // 1 - decay cos(omega) loses the digits that 1 - decay has less than 1.
        assertEquals(0.5, power, 1e-15 / (1 - decay));
    }

    @Test
    void cutoffFrequency_ofSlowAveragesIsThatOfTheTimeConstant() {
        ConstantDecay slow = new ConstantDecay(0.9999);
        double frequency = slow.cutoffFrequency();
        assertEquals(1 / (2 * Math.PI * slow.timeConstant()), frequency, 1e-8 * frequency);
        assertEquals(0.5, new ConstantDecay(0.17157287525381).cutoffFrequency(), 1e-6);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.1715728752538098, 0})
    void cutoffFrequency_outOfRange(double decay) {
        assertRejected(
                "decay must be in [0.1715728752538099, 1), got " + decay,
                () -> new ConstantDecay(decay).cutoffFrequency());
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.POSITIVE_INFINITY, Double.NaN})
    void times_outOfRange(double time) {
        String rule = " must be finite and above 0, got " + time;
        assertRejected("halfLife" + rule, () -> ConstantDecay.ofHalfLife(time));
        assertRejected("timeConstant" + rule, () -> ConstantDecay.ofTimeConstant(time));
    }

    @Test
    void times_ofNothing() {
        assertRejected(
                "halfLife must be finite and above 0, got 0.0",
                () -> ConstantDecay.ofHalfLife(RUN.epochs(0)));
        assertRejected(
                "totalSteps must be at least 4, got 3", () -> ConstantDecay.ofRuleOfThumb(3));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.POSITIVE_INFINITY, Double.NaN})
    void amount_outOfRange(double amount) {
        String message = "amount must be finite and at least 0, got " + amount;
        assertRejected(message, () -> RUN.samples(amount));
        assertRejected(message, () -> RUN.epochs(amount));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.1, 1.1, 50, Double.NaN})
    void fraction_outOfRange(double amount) {
        assertRejected("fraction must be in [0, 1], got " + amount, () -> RUN.fraction(amount));
    }

    @Test
    void size_tooSmall() {
        String rule = " must be at least 1, got 0";
        assertRejected("totalSteps" + rule, () -> new RunSize(0, 1, 1));
        assertRejected("stepsPerEpoch" + rule, () -> new RunSize(1, 0, 1));
        assertRejected("samplesPerStep" + rule, () -> new RunSize(1, 1, 0));
    }
}
