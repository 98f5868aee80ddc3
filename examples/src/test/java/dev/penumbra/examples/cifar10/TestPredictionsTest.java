// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.translate.TranslateException;
import java.io.IOException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class TestPredictionsTest {

    /** The logits are float32, whose rounding moves a logarithm by at most 1.2e-7. */
    private static final double ROUNDING = 2e-7;

    private static final float LN2 = (float) Math.log(2);
    private static final float LN8 = (float) Math.log(8);

    private TestPredictions predictions;

    /* Probabilities: (1/2, 1/4, 1/4), (1/4, 1/4, 1/2), (1/10, 8/10, 1/10) twice, (1/3, 1/3, 1/3). */
    @BeforeEach
    void predict() throws IOException, TranslateException {
        predictions =
                Fixed.predictions(
                        new long[] {0, 1, 1, 0, 2},
                        new float[][] {
                            {LN2, 0, 0}, {0, 0, LN2}, {0, LN8, 0}, {0, LN8, 0}, {1e4f, 1e4f, 1e4f}
                        });
    }

    @Test
    void accuracy_handComputed() {
        assertEquals(5, predictions.size());
        assertEquals(2 / 5.0, predictions.accuracy());
    }

    @Test
    void loss_handComputed() {
        double product = 2 * 4 * (10 / 8.0) * 10 * 3;
        assertEquals(Math.log(product) / 5, predictions.loss(), ROUNDING);
    }

    @Test
    void confusion_rowsAreTrueClasses() {
        int[][] expected = {{1, 1, 0}, {0, 1, 1}, {1, 0, 0}};
        assertArrayEquals(expected, predictions.confusion(3));
    }

    @Test
    void images_handComputed() {
        int[] labels = {0, 1, 1, 0, 2};
        // Of equal logits the first counts.
        int[] classes = {0, 2, 1, 1, 0};
        double[] confidences = {1 / 2.0, 1 / 2.0, 8 / 10.0, 8 / 10.0, 1 / 3.0};
        for (int i = 0; i < 5; i++) {
            assertEquals(labels[i], predictions.label(i));
            assertEquals(classes[i], predictions.predicted(i));
            assertEquals(confidences[i], predictions.confidence(i), ROUNDING);
        }
        assertTrue(predictions.isRight(0));
        assertFalse(predictions.isRight(1));
    }

    /** exp(1000) is above the largest double, exp(-1000) is 0. */
    @Test
    void loss_largeLogits_finite() throws IOException, TranslateException {
        TestPredictions sure =
                Fixed.predictions(new long[] {0, 1}, new float[][] {{1000, 0}, {1000, 0}});
        assertEquals(500, sure.loss());
        assertEquals(1, sure.confidence(1));
    }

    @Test
    void loss_notANumber_staysSo() throws IOException, TranslateException {
        TestPredictions diverged =
                Fixed.predictions(new long[] {1}, new float[][] {{Float.NaN, Float.NaN}});
        assertEquals(Double.NaN, diverged.loss());
        assertEquals(0, diverged.accuracy());
    }
}
