// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.penumbra.ema.schedule.PowerFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class AverageProfileTest {

    @Test
    void ofExponent_isAPowerFunction() {
        assertEquals(
                new AverageProfile(new PowerFunction(6.94), 8000),
                AverageProfile.ofExponent(6.94, 8000));
    }

    @Test
    void ofRelativeWidth_isAPowerFunction() {
        assertEquals(
                new AverageProfile(PowerFunction.ofRelativeWidth(0.1), 8000),
                AverageProfile.ofRelativeWidth(0.1, 8000));
    }

    private static void assertRejected(String message, Runnable call) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call::run);
        assertEquals(message, e.getMessage());
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1})
    void step_rejects(long step) {
        assertRejected(
                "step must be at least 1, got " + step, () -> AverageProfile.ofExponent(1, step));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -0.1, 0.29, Double.NaN})
    void width_rejects(double width) {
        assertRejected(
                "width must be in (0, 0.28867513459481287), got " + width,
                () -> AverageProfile.ofRelativeWidth(width, 1));
    }
}
