// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static dev.penumbra.testing.Rejections.assertNull;
import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.ema.schedule.SwaLearningRate.Anneal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The values of torch are in DecayCasesReferenceTest. */
final class SwaLearningRateTest {

    @ParameterizedTest
    @CsvSource({"0, 0.1", "1, 0.09", "4, 0.06", "5, 0.05", "6, 0.05", "1000, 0.05"})
    void linear_formula(long epochs, double rate) {
        assertEquals(rate, schedule(Anneal.LINEAR).rateAfter(epochs), 1e-16);
    }

    @ParameterizedTest
    @CsvSource({"0, 0.1", "2, 0.08272542485937369", "5, 0.05", "6, 0.05"})
    void cosine_formula(long epochs, double rate) {
        assertEquals(rate, schedule(Anneal.COSINE).rateAfter(epochs), 1e-16);
    }

    private static SwaLearningRate schedule(Anneal anneal) {
        return new SwaLearningRate(0.1, 0.05, 0, 5, 1, anneal);
    }

    @Test
    void noEpochs_jump() {
        SwaLearningRate jump = new SwaLearningRate(0.1, 0.05, 3, 0, 2, Anneal.COSINE);
        assertEquals(0.05, jump.rateAfter(0));
        assertEquals(0.1, jump.rateAt(3));
        assertEquals(0.05, jump.rateAt(4));
    }

    /** Ten updates before, then the rates of epochs 0, 1, 2 of three updates each. */
    @ParameterizedTest
    @CsvSource({
        "0, 1",
        "1, 1",
        "10, 1",
        "11, 1",
        "13, 1",
        "14, 0.75",
        "16, 0.75",
        "17, 0.5",
        "23, 0",
        "24, 0"
    })
    void updates_areCountedInEpochs(int update, float rate) {
        SwaLearningRate schedule = new SwaLearningRate(1, 0, 10, 4, 3, Anneal.LINEAR);
        assertEquals(rate, schedule.getNewValue(update));
        assertEquals(rate, schedule.getNewValue("weight", update));
        assertEquals(rate, schedule.rateAt(update));
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY})
    void rates_outOfRange(double rate) {
        String rule = " must be finite and at least 0, got " + rate;
        assertRejected("from" + rule, () -> new SwaLearningRate(rate, 0, 0, 1, 1, Anneal.LINEAR));
        assertRejected("to" + rule, () -> new SwaLearningRate(0, rate, 0, 1, 1, Anneal.LINEAR));
    }

    @Test
    void counts_tooSmall() {
        assertRejected(
                "startAfter must be at least 0, got -1",
                () -> new SwaLearningRate(0, 0, -1, 1, 1, Anneal.LINEAR));
        assertRejected(
                "annealEpochs must be at least 0, got -1",
                () -> new SwaLearningRate(0, 0, 0, -1, 1, Anneal.LINEAR));
        assertRejected(
                "updatesPerEpoch must be at least 1, got 0",
                () -> new SwaLearningRate(0, 0, 0, 1, 0, Anneal.LINEAR));
        assertRejected(
                "epochs must be at least 0, got -1", () -> schedule(Anneal.LINEAR).rateAfter(-1));
        assertRejected("step must be at least 0, got -1", () -> schedule(Anneal.LINEAR).rateAt(-1));
    }

    @Test
    @SuppressWarnings("NullAway") // what callers without null checks may do
    void anneal_null() {
        assertNull("anneal", () -> new SwaLearningRate(0, 0, 0, 1, 1, null));
    }
}
