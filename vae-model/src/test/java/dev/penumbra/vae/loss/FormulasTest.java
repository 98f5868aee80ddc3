// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class FormulasTest {

    @Test
    void kl_ofTheSameGaussians_isZero() {
        assertEquals(0, GaussianFormulas.kl(0, 0));
        assertEquals(0, GaussianFormulas.kl(1.5, -2, 1.5, -2));
        assertEquals(GaussianFormulas.kl(0.7, -1.1), GaussianFormulas.kl(0.7, -1.1, 0, 0), 1e-15);
    }

    /**
     * Near the prior the divergence is half the square of the distance, down to its last digits.
     */
    @Test
    void kl_nearZero_keepsItsDigits() {
        assertEquals(0.25e-16, GaussianFormulas.kl(0, 1e-8), 1e-24);
    }

    @Test
    void clamp_hasTheLimitsOfLatentDiffusion() {
        assertEquals(-30, GaussianFormulas.clamp(-31));
        assertEquals(20, GaussianFormulas.clamp(20.5));
        assertEquals(0.3, GaussianFormulas.clamp(0.3));
    }

    /** 0.5 · (ReLU(1 - 0.5) / 2 + ReLU(1 - 2) / 2 + ReLU(1 + 1)) by hand. */
    @Test
    void hinge_byHand() {
        assertEquals(
                0.5 * (0.25 + 2),
                GanFormulas.hingeDiscriminator(new double[] {0.5, 2}, new double[] {1}));
    }

    @Test
    void vanilla_ofGreatLogits_isFinite() {
        assertEquals(
                1000, GanFormulas.vanillaDiscriminator(new double[] {-1000}, new double[] {1000}));
        assertEquals(
                0, GanFormulas.vanillaDiscriminator(new double[] {1000}, new double[] {-1000}));
    }

    @Test
    void freeBits_differOnlyBelowTheFloor() {
        double[] kl = {0.5, 2, 1};
        assertEquals(4, FreeBitsFormulas.floored(kl, 1));
        assertEquals(2, FreeBitsFormulas.masked(kl, 1));
        assertEquals(3.5, FreeBitsFormulas.floored(kl, 0));
        assertEquals(3.5, FreeBitsFormulas.masked(kl, 0));
    }

    /** At the solutions the divergence at mean 0 is the bound. */
    @ParameterizedTest
    @ValueSource(doubles = {1e-12, 1e-6, 0.01, 0.1, 0.5, 3, 20, 300})
    void variances_haveTheBound(double delta) {
        double[] variances = DeltaVae.variances(delta);
        assertTrue(variances[0] < 1 && variances[1] > 1);
        for (double variance : variances) {
            double logVar = Math.log(variance);
            // The logarithm of a number near 1 has the absolute error of that number.
            double tolerance = 1e-12 * delta + 4e-16 * Math.abs(variance - 1);
            assertEquals(delta, 0.5 * (variance - 1 - logVar), tolerance + 1e-16);
        }
    }

    @Test
    void variances_ofNoBound_areOne() {
        assertEquals(1, DeltaVae.variances(0)[1]);
        assertEquals(1, DeltaVae.variances(0)[0], 1e-7);
    }

    @Test
    void arguments_areRejected() {
        assertRejected("real must not be empty", () -> hinge(new double[0], new double[1]));
        assertRejected("fake must not be empty", () -> hinge(new double[1], new double[0]));
        assertRejected(
                "weight must be finite and at least 0, got -1.0",
                () -> GanFormulas.adaptiveWeight(1, 1, -1));
        assertRejected(
                "nllGradientNorm must be finite and at least 0, got NaN",
                () -> GanFormulas.adaptiveWeight(Double.NaN, 1, 1));
        assertRejected(
                "delta must be finite and at least 0, got -0.1", () -> DeltaVae.variances(-0.1));
        assertRejected("length must be at least 2, got 1", () -> DeltaVae.leastKl(1, 0.5));
        assertRejected("alpha must be in (-1, 1), got 1.0", () -> DeltaVae.leastKl(2, 1));
    }

    private static void hinge(double[] real, double[] fake) {
        GanFormulas.hingeDiscriminator(real, fake);
    }
}
