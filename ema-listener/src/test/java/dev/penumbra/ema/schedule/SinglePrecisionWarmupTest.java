// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

final class SinglePrecisionWarmupTest {

    private static void assertRejected(String message, Runnable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
    }

    @Test
    void decay_isAFloat() {
        DecaySchedule warmup = Decays.inversePowerInFloat32(0.9999, 1, 2.0 / 3, 0, 100);
        assertEquals(0, warmup.decayAt(101));
        assertEquals(0.3700394630432129, warmup.decayAt(102));
        assertEquals((double) 0.9999f, warmup.decayAt(10_000_000));
    }

    @Test
    void finalDecay_winsOverTheLeast() {
        assertEquals(0.5, Decays.inversePowerInFloat32(0.5, 1, 1, 0.75, 0).decayAt(2));
        assertEquals(0.75, Decays.inversePowerInFloat32(0.875, 1, 1, 0.75, 0).decayAt(2));
    }

    @Test
    void components_outOfRange() {
        assertRejected(
                "decay must be in [0, 1), got 1.5",
                () -> Decays.inversePowerInFloat32(1.5, 1, 1, 0, 0));
        assertRejected(
                "gamma must be finite and above 0, got 0.0",
                () -> Decays.inversePowerInFloat32(0.9, 0, 1, 0, 0));
        assertRejected(
                "power must be finite and above 0, got -1.0",
                () -> Decays.inversePowerInFloat32(0.9, 1, -1, 0, 0));
        assertRejected(
                "minDecay must be in [0, 1), got 1.0",
                () -> Decays.inversePowerInFloat32(0.9, 1, 1, 1, 0));
        assertRejected(
                "startAfter must be at least 0, got -1",
                () -> Decays.inversePowerInFloat32(0.9, 1, 1, 0, -1));
        assertRejected(
                "step must be at least 0, got -1",
                () -> Decays.inversePowerInFloat32(0.9, 1, 1, 0, 0).decayAt(-1));
    }
}
