// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDManager;
import dev.penumbra.vae.LogVarClamp;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

final class ClampLimitsTest {

    private static final double[] VALUES = {-40, -7, -6.5, -6, -1, 0, 0.5, 3, 4, 4.25, 30};

    private static void assertSame(LogVarClamp clamp, double tolerance) {
        ClampLimits limits = ClampLimits.of(clamp);
        try (NDManager manager = NDManager.newBaseManager()) {
            double[] expected = clamp.apply(manager.create(VALUES)).toDoubleArray();
            double[] actual = Arrays.stream(VALUES).map(limits::apply).toArray();
            assertArrayEquals(expected, actual, tolerance);
        }
    }

    @Test
    void hardClamp_isThatOfThePosterior() {
        assertSame(new LogVarClamp.Hard(-6, 4), 0);
    }

    /** PyTorch's softplus takes the identity beyond 20, which is an error of 2e-9. */
    @Test
    void softClamp_isThatOfThePosterior() {
        assertSame(new LogVarClamp.Soft(-6, 4), 3e-9);
    }

    @Test
    void limits_belongToSaturation() {
        ClampLimits limits = ClampLimits.of(new LogVarClamp.Soft(-6, 4));
        assertEquals(4, Arrays.stream(VALUES).filter(limits::atMin).count());
        assertEquals(3, Arrays.stream(VALUES).filter(limits::atMax).count());
    }
}
