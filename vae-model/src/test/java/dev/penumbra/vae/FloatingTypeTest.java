// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import dev.penumbra.testing.Rejections;
import dev.penumbra.vae.loss.WithLastLayer;
import java.util.List;
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

    /** The engine's own words are of tensors and of a scalar type Byte. */
    @ParameterizedTest
    @EnumSource(names = {"UINT8", "INT32", "FLOAT16", "FLOAT64"})
    void imagesOfAnotherType_areRejected(DataType type) {
        Shape shape = new Shape(1, 1, 28, 28);
        ParameterStore store = new ParameterStore();
        try (NDManager manager = NDManager.newBaseManager()) {
            NDList images = new NDList(manager.ones(shape).toType(type, false));
            for (Block model :
                    List.of(
                            new AutoencoderKL(AutoencoderKLConfig.mnist()),
                            new MlpVae(MlpVaeConfig.mnist()))) {
                model.initialize(manager, DataType.FLOAT32, shape);
                Rejections.assertRejected(
                        "images and latents must be float32, as the weights are, got "
                                + type
                                + ": convert them with toType, and scale what was integers",
                        () -> model.forward(store, images, false));
            }
        }
    }
}
