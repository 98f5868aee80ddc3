// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import ai.djl.ndarray.NDManager;
import ai.djl.nn.Blocks;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LogVarClamp;
import dev.penumbra.vae.loss.WithLastLayer;
import dev.penumbra.vae.loss.WithLogScale;
import org.junit.jupiter.api.Test;

final class ClampLimitsTest {

    private static final double[] VALUES = {-40, -7, -6.5, -6, -1, 0, 0.5, 3, 4, 4.25, 30};

    private static double[] limited(LogVarClamp clamp) {
        try (NDManager manager = NDManager.newBaseManager()) {
            return clamp.apply(manager.create(VALUES)).toDoubleArray();
        }
    }

    private static void assertSaturation(LogVarClamp clamp, double least, double most) {
        ClampLimits limits = ClampLimits.of(clamp);
        double[] values = limited(clamp);
        for (int i = 0; i < values.length; i++) {
            assertEquals(VALUES[i] <= least, limits.atMin(values[i]), "at " + VALUES[i]);
            assertEquals(VALUES[i] >= most, limits.atMax(values[i]), "at " + VALUES[i]);
            assertEquals(values[i], limits.apply(values[i]));
        }
    }

    @Test
    void saturation_isKnownFromWhatTheModelHasLimited() {
        assertSaturation(new LogVarClamp.Hard(-6, 4), -6, 4);
        assertSaturation(new LogVarClamp.Soft(-6, 4), -6, 4);
        assertSaturation(logVar -> logVar, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY);
    }

    @Test
    void clamp_isThatOfTheModelInside() {
        LogVarClamp.Hard own = new LogVarClamp.Hard(-1, 1);
        AutoencoderKL autoencoder =
                new AutoencoderKL(AutoencoderKLConfig.mnist().withLogVarClamp(own));
        assertEquals(own, ClampLimits.find(new WithLogScale(new WithLastLayer(autoencoder), 0)));
        assertNull(ClampLimits.find(Blocks.identityBlock()));
    }
}
