// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import ai.djl.translate.TranslateException;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.report.RunEvent;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;

class ComparisonTest {

    /*
     * Image i has label i % 10. R: both right. E: only EMA right. O: only online right. W: both
     * predict the next class. D: online predicts the next class, EMA the one after that.
     */
    private static final String KINDS = "EORDEWOEORDEOEROEW";

    @Test
    void agreement_counted() throws IOException, TranslateException {
        assertEquals(new RunEvent.Agreement(3, 6, 5, 4), event(KINDS).agreement());
    }

    /** Of 6 the positions 0, 1, 3, 4, of 5 the positions 0, 1, 2, 3, and both of 2. */
    @Test
    void disagreements_atEvenDistances() throws IOException, TranslateException {
        assertEquals(List.of(0, 4, 11, 13, 1, 6, 8, 12, 3, 10), indices(KINDS));
        assertEquals(List.of(0, 3, 6, 9), indices("E".repeat(12)));
        assertEquals(List.of(1, 3, 5, 7), indices("WDWDWDWD"));
        assertEquals(List.of(2), indices("RRO"));
        assertEquals(List.of(), indices("RWRW"));
    }

    @Test
    void disagreement_holdsBothPredictionsAndTheImage() throws IOException, TranslateException {
        RunEvent.Disagreement image = event(KINDS).disagreements().get(9);
        assertEquals(10, image.index());
        assertEquals(0, image.label());
        assertEquals(1, image.online());
        assertEquals(2, image.ema());
        // 9 / (9 + 9) and 27 / (27 + 9); the logits are rounded to float32.
        assertNotNull(image.onlineConfidence());
        assertNotNull(image.emaConfidence());
        assertEquals(0.5, image.onlineConfidence(), 2e-7);
        assertEquals(0.75, image.emaConfidence(), 2e-7);
        assertArrayEquals(Cifar10Data.sample().png(10), Base64.getDecoder().decode(image.png()));
    }

    /** Label 0 belongs to image 0, kind E, and to image 10, kind D. */
    @Test
    void confusion_ofEach() throws IOException, TranslateException {
        RunEvent.SeedEnded event = event(KINDS);
        assertEquals(7, event.seed());
        RunEvent.Confusion confusion = event.confusion();
        assertNotNull(confusion);
        assertEquals(List.of(0, 2, 0, 0, 0, 0, 0, 0, 0, 0), confusion.online().get(0));
        assertEquals(List.of(1, 0, 1, 0, 0, 0, 0, 0, 0, 0), confusion.ema().get(0));
        assertEquals(10, confusion.online().size());
    }

    private static List<Integer> indices(String kinds) throws IOException, TranslateException {
        return event(kinds).disagreements().stream().map(RunEvent.Disagreement::index).toList();
    }

    private static RunEvent.SeedEnded event(String kinds) throws IOException, TranslateException {
        TestPredictions online = predictions(kinds, "RO", "", 9);
        TestPredictions ema = predictions(kinds, "RE", "D", 27);
        return new Comparison(online, ema).event(7, Cifar10Data.sample());
    }

    /** The predicted class has {@code odds} times the probability of each other class. */
    private static TestPredictions predictions(
            String kinds, String right, String afterNext, double odds)
            throws IOException, TranslateException {
        int size = kinds.length();
        long[] labels = new long[size];
        float[][] logits = new float[size][10];
        for (int i = 0; i < size; i++) {
            String kind = kinds.substring(i, i + 1);
            labels[i] = i % 10;
            int shift = right.contains(kind) ? 0 : afterNext.contains(kind) ? 2 : 1;
            logits[i][(i + shift) % 10] = (float) Math.log(odds);
        }
        return Fixed.predictions(labels, logits);
    }
}
