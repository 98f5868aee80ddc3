// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class GradientRulesTest {

    private static final LayerwiseGradient LAYERS = new LayerwiseGradient(new ConstantDecay(0.75));

    /** Norms with a rational root of 1 + norm^2. */
    @ParameterizedTest
    @CsvSource({
        "1, 0, 0",
        "0.5, 0, 0.5",
        "1, 0.75, 0.2",
        "0.5, 0.75, 0.6",
        "0.1, 1e9, 0.9999999999"
    })
    void gradientAdaptive_formula(double c, double norm, double decay) {
        assertEquals(decay, new GradientAdaptive(c).decayFor(norm), 0x1p-53);
        assertEquals(1 - decay, new GradientAdaptive(c).weightFor(norm), 0x1p-53);
    }

    @Test
    void gradientAdaptive_largeNormsDoNotOverflow() {
        assertEquals(1e-200, new GradientAdaptive(1).weightFor(1e200), 1e-215);
        assertEquals(1, new GradientAdaptive(1).decayFor(Double.MAX_VALUE));
    }

    @Test
    void layerwiseGradient_formula() {
        double[] decays = LAYERS.decaysFor(1, new double[] {1, 0, 3});
        double[] expected = {0.75 * Math.exp(-0.25), 0.75, 0.75 * Math.exp(-0.75)};
        assertArrayEquals(expected, decays, 0x1p-53);
        double[] weights = LAYERS.weightsFor(1, new double[] {1, 0, 3});
        double[] rest = {1 - expected[0], 0.25, 1 - expected[2]};
        assertArrayEquals(rest, weights, 0x1p-52);
    }

    @Test
    void layerwiseGradient_asksItsScheduleForTheStep() {
        LayerwiseGradient mean = new LayerwiseGradient(new ArithmeticMean());
        assertArrayEquals(
                new double[] {0.9 * Math.exp(-1)}, mean.decaysFor(10, new double[] {7}), 0x1p-53);
        assertArrayEquals(new double[] {0}, mean.decaysFor(1, new double[] {7}));
        assertArrayEquals(new double[] {1}, mean.weightsFor(1, new double[] {7}));
    }

    /** A layer with a tiny share has a tiny weight, which is not one minus a decay near 1. */
    @Test
    void layerwiseGradient_weightKeepsItsDigits() {
        LayerwiseGradient rule = new LayerwiseGradient(new ConstantDecay(1 - 0x1p-40));
        double weight = rule.weightsFor(1, new double[] {1e-13, 1})[0];
        // The sum of both, less products that are 10^-12 of it.
        double sum = 0x1p-40 + 1e-13;
        assertEquals(sum, weight, 1e-11 * sum);
    }

    @Test
    void layerwiseGradient_withoutGradient() {
        assertArrayEquals(new double[] {0.75, 0.75}, LAYERS.decaysFor(1, new double[2]));
        assertArrayEquals(new double[] {0.25, 0.25}, LAYERS.weightsFor(1, new double[2]));
        assertArrayEquals(new double[0], LAYERS.decaysFor(1, new double[0]));
    }

    @Test
    void layerwiseGradient_dependsOnShares() {
        double[] norms = {1, 2, 5};
        double[] large = {1e308, 1e308, 1e308};
        double[] scaled = {1e-300, 2e-300, 5e-300};
        assertArrayEquals(LAYERS.decaysFor(1, norms), LAYERS.decaysFor(1, scaled), 0x1p-52);
        double third = 0.75 * Math.exp(-1.0 / 3);
        assertArrayEquals(new double[] {third, third, third}, LAYERS.decaysFor(1, large), 0x1p-52);
    }

    @Test
    void layerwiseGradient_leavesTheNorms() {
        double[] norms = {1, 3};
        LAYERS.decaysFor(1, norms);
        LAYERS.weightsFor(1, norms);
        assertArrayEquals(new double[] {1, 3}, norms);
    }

    @Test
    void rules_weighAStep() {
        GradientNorms norms = new GradientNorms(0.75, 0.25, 0.25);
        StepWeights adaptive = new GradientAdaptive(0.5).weightsAt(1, norms);
        assertTrue(adaptive.isUniform());
        assertEquals(new GradientAdaptive(0.5).weightFor(0.75), adaptive.of(1));
        StepWeights layers = LAYERS.weightsAt(1, norms);
        assertFalse(layers.isUniform());
        assertEquals(0.25, layers.common());
        assertEquals(LAYERS.weightsFor(1, new double[] {0.25, 0.25})[1], layers.of(1));
        StepWeights schedule = new ConstantDecay(0.75).weightsAt(1, null);
        assertTrue(schedule.isUniform());
        assertEquals(0.25, schedule.of(0));
    }

    @Test
    void rules_tellWhetherTheyNeedGradients() {
        assertTrue(new GradientAdaptive(0.5).needsGradients());
        assertTrue(LAYERS.needsGradients());
        assertFalse(LAYERS.schedule().needsGradients());
    }

    @Test
    void gradients_notObserved() {
        String message =
                "No gradients were observed for step 7: call observeGradients() between backward"
                        + " and step";
        for (AveragingRule rule : List.of(new GradientAdaptive(0.5), LAYERS)) {
            assertEquals(
                    message,
                    assertThrows(IllegalStateException.class, () -> rule.weightsAt(7, null))
                            .getMessage());
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {Double.POSITIVE_INFINITY, Double.NaN})
    void gradients_notFinite(double total) {
        GradientNorms norms = new GradientNorms(total, 1, total);
        for (AveragingRule rule : List.of(new GradientAdaptive(0.5), LAYERS)) {
            StepWeights weights = rule.weightsAt(1, norms);
            assertFalse(weights.isFinite());
            assertTrue(weights.isActive());
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -1, 1.0000000000000002, Double.NaN})
    void c_outOfRange(double c) {
        assertRejected("c must be in (0, 1], got " + c, () -> new GradientAdaptive(c));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.POSITIVE_INFINITY, Double.NaN})
    void norm_outOfRange(double norm) {
        assertRejected(
                "gradientNorm must be finite and at least 0, got " + norm,
                () -> new GradientAdaptive(0.5).decayFor(norm));
        assertRejected(
                "gradientNorms must be finite and at least 0, got " + norm,
                () -> LAYERS.decaysFor(1, new double[] {1, norm}));
    }

    @Test
    void step_belowZero() {
        GradientNorms norms = new GradientNorms(1, 1);
        for (AveragingRule rule : List.of(new GradientAdaptive(1), LAYERS, LAYERS.schedule())) {
            assertRejected("step must be at least 0, got -1", () -> rule.weightsAt(-1, norms));
        }
        assertRejected(
                "step must be at least 0, got -1", () -> LAYERS.decaysFor(-1, new double[] {1}));
        assertRejected(
                "step must be at least 0, got -1", () -> LAYERS.weightsFor(-1, new double[] {1}));
    }
}
