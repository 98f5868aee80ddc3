// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.ema.schedule.Rejections.assertNull;
import static dev.penumbra.ema.schedule.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.ema.schedule.TrainingTime.Unit;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Times in human units and what a decay means. */
final class UnitsTest {

    private static final RunSize RUN = new RunSize(10_000, 500, 64);

    @Test
    void span_inSteps() {
        assertEquals(1.5, TrainingTime.steps(1.5).inSteps(RUN));
        assertEquals(100, TrainingTime.samples(6400).inSteps(RUN));
        assertEquals(1250, TrainingTime.epochs(2.5).inSteps(RUN));
        assertEquals(500, TrainingTime.fraction(0.05).inSteps(RUN));
        assertEquals(new TrainingTime(3, Unit.EPOCHS), TrainingTime.epochs(3));
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
        for (TrainingTime span :
                List.of(
                        TrainingTime.samples(51_200),
                        TrainingTime.epochs(0.8),
                        TrainingTime.fraction(0.08))) {
            DecaySchedule schedule = ConstantDecay.ofHalfLife(span, size);
            long steps = 51_200 / samplesPerStep;
            assertEquals(0.5, schedule.decayOver(7, 7 + steps), 1e-13);
            assertEquals(0.25, schedule.decayOver(0, 2 * steps), 1e-13);
            assertEquals(0.5, Every.of(5, schedule).decayOver(0, steps), 1e-13);
        }
    }

    @Test
    void timeConstant_fallsToOneOverE() {
        DecaySchedule schedule = ConstantDecay.ofTimeConstant(TrainingTime.epochs(2), RUN);
        // The decay is rounded by up to 2^-54, and 1000 steps multiply that.
        assertEquals(Math.exp(-1), schedule.decayOver(0, 1000), 1e-13);
        assertEquals(ConstantDecay.ofTimeConstant(1000), schedule);
    }

    @Test
    void halfLife_values() {
        assertEquals(0.9993070929904525, ConstantDecay.ofHalfLife(1000).decay());
        assertEquals(0.999000499833375, ConstantDecay.ofTimeConstant(1000).decay(), 0x1p-53);
        assertEquals(
                ConstantDecay.ofHalfLife(100),
                ConstantDecay.ofHalfLife(TrainingTime.samples(6400), RUN));
    }

    /** Half a step goes up. */
    @ParameterizedTest
    @CsvSource({"0, 0", "95, 1", "96, 2", "97, 2", "160, 3", "159, 2"})
    void starts_areRoundedToTheNearestStep(double samples, long steps) {
        DecaySchedule mean = new ArithmeticMean();
        TrainingTime span = TrainingTime.samples(samples);
        assertEquals(new StartAfter(steps, mean), StartAfter.of(span, RUN, mean));
        assertEquals(new CopyFirst(steps, mean), CopyFirst.of(span, RUN, mean));
        assertEquals(new StopAfter(steps, mean), StopAfter.of(span, RUN, mean));
    }

    @Test
    void startAtThreeQuarters() {
        DecaySchedule mean = new ArithmeticMean();
        assertEquals(
                new StartAfter(7500, mean), StartAfter.of(TrainingTime.fraction(0.75), RUN, mean));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1e-3, 0.5, 0.9, 0.999, 0.99999})
    void decays_areInverses(double decay) {
        assertEquals(decay, Decays.ofHalfLife(Decays.halfLife(decay)), 1e-15);
        assertEquals(decay, Decays.ofTimeConstant(Decays.timeConstant(decay)), 1e-15);
        assertEquals(0.5, Math.pow(decay, Decays.halfLife(decay)), 1e-13);
        assertEquals(Math.exp(-1), Math.pow(decay, Decays.timeConstant(decay)), 1e-13);
    }

    @Test
    void decays_values() {
        assertEquals(1, Decays.halfLife(0.5));
        assertEquals(692.8005491785002, Decays.halfLife(0.999), 1e-9);
        assertEquals(999.4999166249727, Decays.timeConstant(0.999), 1e-8);
        assertEquals(0.5, Decays.ofHalfLife(1));
        assertEquals(1000, Decays.effectiveWindow(0.999), 1e-9);
        assertEquals(1, Decays.effectiveWindow(0));
        assertEquals(0.8, Decays.ruleOfThumb(100));
        assertEquals(0, Decays.ruleOfThumb(4));
    }

    /** The sum of the squared weights, each of which takes its share of the variance. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3, 0.9, 0.99})
    void varianceReduction_isTheSumOfSquares(double decay) {
        double sum = 0;
        for (int age = 0; age < 4000; age++) {
            sum += Math.pow((1 - decay) * Math.pow(decay, age), 2);
        }
        assertEquals(sum, Decays.varianceReduction(decay), 1e-14);
    }

    /** The mean age of the weights, the latest being 1 step old. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.3, 0.9, 0.99})
    void effectiveWindow_isTheMeanAge(double decay) {
        double mean = 0;
        for (int age = 1; age < 5000; age++) {
            mean += age * (1 - decay) * Math.pow(decay, age - 1);
        }
        assertEquals(mean, Decays.effectiveWindow(decay), 1e-10);
    }

    /** The transfer function itself, whose power there is one half. */
    @ParameterizedTest
    @ValueSource(doubles = {0.17157287525381, 0.2, 0.5, 0.9, 0.999, 0.99999})
    void cutoffFrequency_halvesThePower(double decay) {
        double omega = 2 * Math.PI * Decays.cutoffFrequency(decay);
        double real = 1 - decay * Math.cos(omega);
        double imaginary = decay * Math.sin(omega);
        double power = (1 - decay) * (1 - decay) / (real * real + imaginary * imaginary);
        // 1 - decay cos(omega) loses the digits that 1 - decay has less than 1.
        assertEquals(0.5, power, 1e-15 / (1 - decay));
    }

    @Test
    void cutoffFrequency_ofSlowAveragesIsThatOfTheTimeConstant() {
        double frequency = Decays.cutoffFrequency(0.9999);
        assertEquals(1 / (2 * Math.PI * Decays.timeConstant(0.9999)), frequency, 1e-8 * frequency);
        assertEquals(0.5, Decays.cutoffFrequency(0.17157287525381), 1e-6);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.1715728752538098, 0, -1, 1, 2, Double.NaN})
    void cutoffFrequency_outOfRange(double decay) {
        assertRejected(
                "decay must be in [0.1715728752538099, 1), got " + decay,
                () -> Decays.cutoffFrequency(decay));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1, -0.5, Double.NaN})
    void times_ofDecaysOutOfRange(double decay) {
        String message = "decay must be in (0, 1), got " + decay;
        assertRejected(message, () -> Decays.halfLife(decay));
        assertRejected(message, () -> Decays.timeConstant(decay));
    }

    @ParameterizedTest
    @ValueSource(doubles = {1, -0.5, Double.NaN})
    void windows_ofDecaysOutOfRange(double decay) {
        String message = "decay must be in [0, 1), got " + decay;
        assertRejected(message, () -> Decays.effectiveWindow(decay));
        assertRejected(message, () -> Decays.varianceReduction(decay));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, Double.POSITIVE_INFINITY, Double.NaN})
    void times_outOfRange(double time) {
        String rule = " must be finite and above 0, got " + time;
        assertRejected("halfLife" + rule, () -> Decays.ofHalfLife(time));
        assertRejected("timeConstant" + rule, () -> Decays.ofTimeConstant(time));
        assertRejected("halfLife" + rule, () -> ConstantDecay.ofHalfLife(time));
        assertRejected("timeConstant" + rule, () -> ConstantDecay.ofTimeConstant(time));
    }

    @Test
    void times_ofNothing() {
        assertRejected(
                "halfLife must be finite and above 0, got 0.0",
                () -> ConstantDecay.ofHalfLife(TrainingTime.steps(0), RUN));
        assertRejected("totalSteps must be at least 4, got 3", () -> Decays.ruleOfThumb(3));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.POSITIVE_INFINITY, Double.NaN})
    void amount_outOfRange(double amount) {
        String message = "amount must be finite and at least 0, got " + amount;
        assertRejected(message, () -> TrainingTime.steps(amount));
        assertRejected(message, () -> TrainingTime.samples(amount));
        assertRejected(message, () -> TrainingTime.epochs(amount));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.1, 1.1, 50, Double.NaN})
    void fraction_outOfRange(double amount) {
        assertRejected(
                "fraction must be in [0, 1], got " + amount, () -> TrainingTime.fraction(amount));
    }

    @Test
    @SuppressWarnings("NullAway") // what callers without null checks may do
    void unit_null() {
        assertNull("unit", () -> new TrainingTime(1, null));
    }

    @Test
    void size_tooSmall() {
        String rule = " must be at least 1, got 0";
        assertRejected("totalSteps" + rule, () -> new RunSize(0, 1, 1));
        assertRejected("stepsPerEpoch" + rule, () -> new RunSize(1, 0, 1));
        assertRejected("samplesPerStep" + rule, () -> new RunSize(1, 1, 0));
    }
}
