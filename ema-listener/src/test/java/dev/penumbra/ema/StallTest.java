// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.testing.LogCapture;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Averages whose moves are lost in rounding. */
final class StallTest {

    private static final String WARNING =
            "The average 'average' hardly moves any more at step 1000: at a weight of 1.00e-05 most"
                    + " moves are lost in rounding. Use the compensated arithmetic or float64, or"
                    + " update it less often.";

    private static List<String> run(EmaConfig config, float... online) throws Exception {
        try (LogCapture log = LogCapture.of(WeightAverages.class);
                SmallAverage average = new SmallAverage(config, 1, 1, 1)) {
            for (int i = 0; i < 2000; i++) {
                ArrayBlock.set(average.weight(), online);
                average.averages().update();
            }
            return log.messages();
        }
    }

    /** A move of 0.001 by 1e-5 is a twelfth of the unit in the last place of 1. */
    @Test
    void lostMoves_areToldOnce() throws Exception {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.99999));
        assertEquals(List.of(LogCapture.warning(WARNING)), run(config, 1.001f, 1.001f, 2));
    }

    @Test
    void fewLostMoves_areNotTold() throws Exception {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.99999));
        assertEquals(List.of(), run(config, 1.001f, 2, 2));
    }

    @ParameterizedTest
    @CsvSource({"COMPENSATED, FLOAT32", "LERP, FLOAT64"})
    void exactAverages_areNotTold(Arithmetic arithmetic, Precision precision) throws Exception {
        EmaConfig config =
                EmaConfig.of(new ConstantDecay(0.99999)).toBuilder()
                        .optArithmetic(arithmetic)
                        .build()
                        .toBuilder()
                        .optPrecision(precision)
                        .build();
        assertEquals(List.of(), run(config, 1.001f, 1.001f, 1.001f));
    }

    @Test
    void equalWeights_doNotStall() throws Exception {
        assertFalse(
                run(EmaConfig.of(new ConstantDecay(0.99999)), 1, 1, 1).stream()
                        .anyMatch(message -> message.contains("hardly")));
    }

    @Test
    void badStart_isRefused() {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.5));
        IllegalStateException e =
                assertThrows(
                        IllegalStateException.class, () -> new SmallAverage(config, 1, Float.NaN));
        assertEquals(
                "'weight' must be finite for an average to start, got an infinite value or NaN",
                e.getMessage());
        new SmallAverage(config.toBuilder().optNonFinite(NonFinite.OFF).build(), 1, Float.NaN)
                .close();
    }

    @Test
    void stalledShare_countsAmongDifferingValues() {
        EmaConfig config = EmaConfig.of(new ConstantDecay(0.99999));
        try (SmallAverage average = new SmallAverage(config, 1, 1, 1, 1)) {
            average.step(1.001f, 1.001f, 2, 1);
            assertEquals(2.0 / 3, average.averages().main().stalledShare(), 1e-15);
        }
    }
}
