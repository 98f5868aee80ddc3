// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.precision;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.penumbra.examples.precision.PrecisionExperiment.Outcome;
import dev.penumbra.examples.precision.PrecisionExperiment.Setting;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class PrecisionExperimentTest {

    private static final long UPDATES = 5000;

    private static Outcome run(Setting setting, double decay) {
        return PrecisionExperiment.run(setting, decay, 1, 1.01f, UPDATES);
    }

    @ParameterizedTest
    @EnumSource
    void exact_isTheClosedForm(Setting setting) {
        Outcome outcome = run(setting, 0.999);
        double expected =
                outcome.online() - (outcome.online() - 1) * Math.pow(0.999, (double) UPDATES);
        assertEquals(expected, outcome.exact(), 1e-15);
    }

    /** A move of 1 percent is below half a unit in the last place of both from 0.99 on. */
    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "FLOAT16"})
    void halfPrecision_doesNotMove(Setting setting) {
        assertEquals(1, run(setting, 0.999).average());
    }

    /** The uncompensated float32 average is off by 6e-6 after 5,000 updates of this decay. */
    @ParameterizedTest
    @EnumSource(names = {"COMPENSATED", "FLOAT64"})
    void carriedErrors_leaveARoundingOnly(Setting setting) {
        assertTrue(run(setting, 0.99999).relativeGap() < 1e-7);
    }

    @Test
    void float32_stalls() {
        assertTrue(run(Setting.FLOAT32, 0.99999).relativeGap() > 1e-6);
    }
}
