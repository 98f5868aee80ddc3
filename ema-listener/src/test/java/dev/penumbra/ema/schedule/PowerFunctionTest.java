// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class PowerFunctionTest {

    /** The exponents that the paper prints for its widths: 16.97 for 0.05 and 6.94 for 0.1. */
    @ParameterizedTest
    @CsvSource({"0.05, 16.97", "0.10, 6.94"})
    void exponent_published(double width, double exponent) {
        assertEquals(exponent, PowerFunction.ofRelativeWidth(width).exponent(), 0.005);
    }

    @Test
    void formula() {
        DecaySchedule schedule = new PowerFunction(2);
        assertEquals(0, schedule.decayAt(1));
        assertEquals(1, schedule.weightAt(1));
        assertEquals(0.125, schedule.decayAt(2));
        assertEquals(0.421875, schedule.decayAt(4));
        assertEquals(0.578125, schedule.weightAt(4), 0x1p-53);
        assertEquals(0.008, schedule.decayOver(2, 10), 1e-17);
        assertEquals(0.992, schedule.weightOver(2, 10), 0x1p-52);
        assertEquals(0, schedule.decayOver(0, 10));
        assertEquals(1, schedule.weightOver(0, 10));
    }

    @Test
    void exponentZero_isTheMean() {
        for (long step = 1; step < 1000; step++) {
            double mean = new ArithmeticMean().weightAt(step);
            assertEquals(mean, new PowerFunction(0).weightAt(step), 0x1p-53);
        }
    }

    /** The formula of the Javadoc in another arrangement. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.5, 1, 3, 16.97, 1e4, 1e12})
    void relativeWidth_formula(double exponent) {
        double width = new PowerFunction(exponent).relativeWidth();
        double variance =
                (exponent + 1) / (exponent + 3) - Math.pow((exponent + 1) / (exponent + 2), 2);
        assertEquals(variance, width * width, 2e-16);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 1e-9, 0.01, 0.5, 1, 3, 16.97, 100, 1e4, 1e6, 1e9})
    void relativeWidth_comesBack(double exponent) {
        double width = new PowerFunction(exponent).relativeWidth();
        if (width * width < 1.0 / 12) {
            double back = PowerFunction.ofRelativeWidth(width).exponent();
            assertEquals(exponent, back, 1e-14 * (1 + exponent));
        }
    }

    /** The weights after a run have the mean and the spread of the profile that is asked for. */
    @ParameterizedTest
    @ValueSource(doubles = {0.05, 0.1, 0.25})
    void width_isTheSpreadOfTheWeights(double width) {
        PowerFunction schedule = PowerFunction.ofRelativeWidth(width);
        int steps = 20_000;
        double mean = 0;
        double square = 0;
        for (int t = 1; t <= steps; t++) {
            double weight = schedule.weightAt(t);
            double time = (t - 0.5) / steps;
            mean += weight * (time - mean);
            square += weight * (time * time - square);
        }
        double exponent = schedule.exponent();
        // A run of n steps samples the profile with an error of the order of 1/n^2.
        assertEquals((exponent + 1) / (exponent + 2), mean, 1e-6);
        assertEquals(width, Math.sqrt(square - mean * mean), 1e-6);
    }

    @Test
    void width_ofTheMeanIsTheLimit() {
        assertEquals(0.28867513459481287, new PowerFunction(0).relativeWidth(), 1e-16);
        double exponent = PowerFunction.ofRelativeWidth(0.288675).exponent();
        assertTrue(exponent > 0 && exponent < 1e-5, "exponent " + exponent);
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -0.1, 0.2886751345948129, 0.3, 1, Double.NaN})
    void width_outOfRange(double width) {
        assertRejected(
                "width must be in (0, 0.28867513459481287), got " + width,
                () -> PowerFunction.ofRelativeWidth(width));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-Double.MIN_VALUE, -1, Double.POSITIVE_INFINITY, Double.NaN})
    void exponent_outOfRange(double exponent) {
        assertRejected(
                "exponent must be finite and at least 0, got " + exponent,
                () -> new PowerFunction(exponent));
    }
}
