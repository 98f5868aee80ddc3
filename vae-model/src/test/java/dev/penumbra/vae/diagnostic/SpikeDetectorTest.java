// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

final class SpikeDetectorTest {

    private static SpikeDetector filled(int window, double threshold, double... values) {
        SpikeDetector detector = new SpikeDetector(new SpikeRule(window, threshold));
        for (double value : values) {
            assertEquals(0, detector.observe(value));
        }
        return detector;
    }

    @Test
    void excess_isMeasuredFromTheMedianInDeviations() {
        // median 30, deviations 20 10 0 10 20 with the median 10
        SpikeDetector detector = filled(5, 2, 50, 10, 30, 20, 40);
        assertEquals((100 - 30) / 14.826, detector.observe(100), 1e-12);
    }

    @Test
    void excess_ofAnEvenWindow_takesTheMeanOfTheMiddle() {
        // median 25, deviations 15 5 5 15 with the median 10
        SpikeDetector detector = filled(4, 2, 10, 20, 30, 40);
        assertEquals((100 - 25) / 14.826, detector.observe(100), 1e-12);
    }

    @Test
    void spike_liesAboveTheThreshold() {
        double at = 30 + 2 * 14.826;
        assertEquals(0, filled(5, 2, 50, 10, 30, 20, 40).observe(at - 1e-9));
        assertEquals(2, filled(5, 2, 50, 10, 30, 20, 40).observe(at + 1e-9), 1e-9);
    }

    /** After 100 twice the window is 100 100 300 200 100. */
    @Test
    void window_losesItsOldestStep() {
        SpikeDetector detector = filled(5, 8, 500, 400, 300, 200, 100, 100, 100);
        assertEquals(10, detector.observe(110), 1e-12);
    }

    @Test
    void drop_isNoSpike() {
        assertEquals(0, filled(5, 2, 50, 10, 30, 20, 40).observe(-1000));
    }

    /** Without noise, 1 % of the median stands for the spread. */
    @Test
    void constantSeries_hasTheLeastSpread() {
        assertEquals(0, filled(3, 8, 200, 200, 200).observe(215));
        assertEquals(8.5, filled(3, 8, 200, 200, 200).observe(217), 1e-12);
    }

    @Test
    void smallSeries_hasTheLeastSpreadInNats() {
        assertEquals(0, filled(3, 8, 0, 0, 0).observe(0.07));
        assertEquals(9, filled(3, 8, 0, 0, 0).observe(0.09), 1e-12);
    }

    @Test
    void nothing_isASpikeBeforeTheWindowIsFull() {
        filled(4, 2, 1, 1, 1, 1000);
    }

    @Test
    void earlierSpikes_doNotHideAnother() {
        SpikeDetector detector = filled(9, 8, 10, 11, 9, 10, 12, 8, 10, 11, 9);
        for (int i = 0; i < 4; i++) {
            assertTrue(detector.observe(1000) > 8);
        }
    }

    @Test
    void lastingChange_becomesTheNorm() {
        SpikeDetector detector = filled(9, 8, 10, 11, 9, 10, 12, 8, 10, 11, 9);
        for (int i = 0; i < 5; i++) {
            detector.observe(1000 + i);
        }
        assertEquals(0, detector.observe(1002));
    }

    /** 8 standard deviations of the 64 values before are out of reach of normal noise. */
    @Test
    void normalNoise_hasNoSpikes_seed7() {
        SpikeDetector detector = new SpikeDetector(SpikeRule.defaults());
        Random random = new Random(7);
        for (int i = 0; i < 10000; i++) {
            assertEquals(0, detector.observe(100 + 10 * random.nextGaussian()));
        }
    }

    @Test
    void rule_isChecked() {
        assertRejected("window must be at least 3, got 2", () -> new SpikeRule(2, 8));
        assertRejected("threshold must be finite and above 0, got 0.0", () -> new SpikeRule(3, 0));
        assertRejected(
                "threshold must be finite and above 0, got NaN",
                () -> new SpikeRule(3, Double.NaN));
    }
}
