// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.types.Shape;
import dev.penumbra.vae.loss.Reduction.Divisor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ReductionTest {

    private static final Shape IMAGES = new Shape(5, 3, 64, 64);
    private static final Shape LATENTS = new Shape(5, 4, 8, 8);

    private static double beta(Reduction reduction, double weight, Shape images, Shape latents) {
        return reduction.effectiveBeta(weight, images, latents);
    }

    /** The effective weights of the toolkits, from what each divides its sums by. */
    @Test
    void effectiveBeta_ofTheToolkits() {
        Reduction summed = Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH;
        assertEquals(1e-6, beta(summed, 1e-6, IMAGES, LATENTS));
        assertEquals(1, beta(Reduction.SUM, 1, IMAGES, LATENTS));
        assertEquals(0.25, beta(Reduction.DIM_NORMALIZED, 0.25, IMAGES, LATENTS), 1e-16);
        Reduction mixed = Reduction.MEAN_RECONSTRUCTION_SUMMED_KL;
        assertEquals(3.072, beta(mixed, 0.00025, IMAGES, new Shape(5, 128)), 1e-14);
        Shape large = new Shape(2, 3, 256, 256);
        assertEquals(0.196608, beta(mixed, 1e-6, large, new Shape(2, 4, 32, 32)), 1e-15);
        Shape digits = new Shape(7, 1, 28, 28);
        assertEquals(784, beta(mixed, 1, digits, new Shape(7, 20)), 1e-12);
        // 12,288 elements of an image to 256 of a latent.
        assertEquals(48e-6, beta(Reduction.MEAN_PER_ELEMENT, 1e-6, IMAGES, LATENTS), 1e-18);
    }

    @Test
    void effectiveBeta_ofAMeanAndASumOverTheBatch_countsTheSamples() {
        Reduction reduction = new Reduction(Divisor.SAMPLES, Divisor.ONE);
        assertEquals(10, beta(reduction, 2, IMAGES, LATENTS));
        Reduction reverse = new Reduction(Divisor.ONE, Divisor.SAMPLES);
        assertEquals(0.4, beta(reverse, 2, IMAGES, LATENTS));
    }

    /** For the reconstruction term the elements of the images are its own. */
    @ParameterizedTest
    @EnumSource(Divisor.class)
    void effectiveBeta_ofLatentsLikeImages_isTheWeightForEqualDivisors(Divisor divisor) {
        assertEquals(0.5, beta(new Reduction(divisor, divisor), 0.5, IMAGES, IMAGES));
    }

    @Test
    void shapes_areChecked() {
        Reduction reduction = Reduction.SUM;
        assertRejected(
                "images and latents must have as many samples, got images=(5, 3, 64, 64) and"
                        + " latents=(4, 8)",
                () -> beta(reduction, 1, IMAGES, new Shape(4, 8)));
        assertRejected(
                "images must have samples on axis 0 and elements, got (5)",
                () -> beta(reduction, 1, new Shape(5), LATENTS));
        assertRejected(
                "latents must have samples on axis 0 and elements, got (5, 0)",
                () -> beta(reduction, 1, IMAGES, new Shape(5, 0)));
    }
}
