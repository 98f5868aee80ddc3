// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.LatentScale;

/** Checks of what is passed in parts. */
final class Checks {

    private Checks() {}

    /** The shape of the images of latents, after checks of the latents'. */
    static Shape decoded(AutoencoderKLConfig config, Shape latents) {
        if (latents.dimension() != 4 || latents.get(1) != config.latentChannels()) {
            throw new IllegalArgumentException(
                    "latents must have shape (N, "
                            + config.latentChannels()
                            + ", h, w), got "
                            + latents);
        }
        long scale = config.scale();
        return new Shape(
                latents.get(0),
                config.outChannels(),
                latents.get(2) * scale,
                latents.get(3) * scale);
    }

    /** Checks the type, as others cannot be made, and that no gradient is expected. */
    static void requirePlain(String name, NDArray array) {
        DataType type = array.getDataType();
        if (type != DataType.FLOAT16 && type != DataType.FLOAT32 && type != DataType.FLOAT64) {
            throw new IllegalArgumentException(
                    name + " must be of type float16, float32 or float64, got " + type);
        }
        if (array.hasGradient()) {
            throw new IllegalArgumentException(
                    name + " must be without gradient, got one that requires it");
        }
    }

    /** The normalization of the latents, which a scaled pass needs. */
    static LatentScale scale(AutoencoderKL model) {
        return model.latentScale()
                .orElseThrow(
                        () ->
                                new IllegalStateException(
                                        "The model has no latent scale yet: call"
                                                + " setLatentScale(...) before"));
    }

    /** The upper left part of images, which are closed. */
    static NDArray cut(NDArray images, long height, long width) {
        try (images;
                NDArray part = images.get(new NDIndex(":, :, :{}, :{}", height, width))) {
            return part.duplicate();
        }
    }
}
