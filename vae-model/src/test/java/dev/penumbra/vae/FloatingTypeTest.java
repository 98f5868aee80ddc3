// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.testing.Rejections;
import dev.penumbra.vae.loss.WithLastLayer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class FloatingTypeTest {

    private static String message(String type) {
        return "dataType must be float16, float32 or float64, which DJL's PyTorch engine can compute"
                + " with, got "
                + type;
    }

    /** DJL ends the process when it is asked for some of them. */
    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "INT16", "INT32", "UINT8", "UNKNOWN"})
    void otherTypes_areRejected(DataType type) {
        Shape shape = new Shape(1, 1, 28, 28);
        try (NDManager manager = NDManager.newBaseManager()) {
            Rejections.assertRejected(
                    message(type.toString()),
                    () ->
                            new AutoencoderKL(AutoencoderKLConfig.mnist())
                                    .initialize(manager, type, shape));
            Rejections.assertRejected(
                    message(type.toString()),
                    () ->
                            new WithLastLayer(new AutoencoderKL(AutoencoderKLConfig.mnist()))
                                    .initialize(manager, type, shape));
            Rejections.assertRejected(
                    message(type.toString()),
                    () ->
                            new Encoder(AutoencoderKLConfig.mnist())
                                    .initialize(manager, type, shape));
        }
    }

    @Test
    void bfloat16_isRejectedByPlainAutoencoders() {
        try (NDManager manager = NDManager.newBaseManager()) {
            MlpVae model = new MlpVae(MlpVaeConfig.mnist());
            Rejections.assertRejected(
                    message("bfloat16"),
                    () -> model.initialize(manager, DataType.BFLOAT16, new Shape(1, 1, 28, 28)));
        }
    }
}
