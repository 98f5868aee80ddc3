// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.vae.AutoencoderKLConfig;

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

    /** Parts leave nothing for a backward pass. */
    static void requireNoGradient(String name, NDArray array) {
        if (array.hasGradient()) {
            throw new IllegalArgumentException(
                    name + " must be without gradient, got one that requires it");
        }
    }
}
