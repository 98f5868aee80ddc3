// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.vae.Gradients;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class AdversarialLossTest {

    /** The recorded logits. */
    private static final double[] REAL = {0.5, 1.2, -0.3, 2.0};

    private static final double[] FAKE = {-1.5, 0.2, 0.9, -0.4};

    private final NDManager manager = NDManager.newBaseManager();

    @AfterEach
    void close() {
        manager.close();
    }

    private NDList logits() {
        return new NDList(manager.create(REAL), manager.create(FAKE));
    }

    private double discriminator(AdversarialLoss loss) {
        return loss.discriminator(logits().get(0), logits().get(1)).getDouble();
    }

    /** The formulas have the recorded values. */
    @Test
    void losses_areTheFormulas() {
        assertEquals(0.5590454976907528, discriminator(AdversarialLoss.VANILLA), 1e-14);
        assertEquals(
                GanFormulas.vanillaDiscriminator(REAL, FAKE),
                discriminator(AdversarialLoss.VANILLA),
                1e-14);
        assertEquals(
                GanFormulas.hingeDiscriminator(REAL, FAKE),
                discriminator(AdversarialLoss.HINGE),
                1e-14);
        for (AdversarialLoss loss : AdversarialLoss.values()) {
            assertEquals(0.2, loss.generator(logits().get(1)).getDouble(), 1e-15);
        }
    }

    @ParameterizedTest
    @EnumSource(AdversarialLoss.class)
    void gradients_areThoseOfDifferences(AdversarialLoss loss) {
        Gradients.assertNumeric(in -> loss.discriminator(in.get(0), in.get(1)), logits());
        Gradients.assertNumeric(in -> loss.generator(in.get(0)), logits().subNDList(1));
    }

    @Test
    void halfPrecision_isComputedInSingle() {
        NDArray half = logits().get(1).toType(DataType.FLOAT16, false);
        NDArray loss = AdversarialLoss.HINGE.discriminator(half, half);
        assertEquals(DataType.FLOAT32, loss.getDataType());
        assertEquals(DataType.FLOAT32, AdversarialLoss.HINGE.generator(half).getDataType());
    }

    @Test
    void latentDiffusion_hasPinnedSettings() {
        assertEquals(
                "AdversarialConfig[loss=HINGE, start=50001, weight=0.5, adaptive=true]",
                AdversarialConfig.latentDiffusion().toString());
        assertEquals(7, AdversarialConfig.latentDiffusion().withStart(7).start());
    }

    @Test
    void arguments_areRejected() {
        assertRejected(
                "start must be at least 0, got -1",
                () -> new AdversarialConfig(AdversarialLoss.HINGE, -1, 1, true));
        assertRejected(
                "weight must be finite and at least 0, got NaN",
                () -> new AdversarialConfig(AdversarialLoss.HINGE, 0, Double.NaN, true));
    }
}
