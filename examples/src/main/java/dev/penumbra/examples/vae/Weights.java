// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.DiagonalGaussian;

/**
 * An autoencoder with one of its sets of weights.
 *
 * @param model the autoencoder
 * @param store where the weights come from
 */
record Weights(AutoencoderKL model, ParameterStore store) {

    /** The posterior of images; (N, Z, h, w). */
    DiagonalGaussian encode(NDArray images) {
        return model.encode(store, images, false);
    }

    /** The images of latents; (N, 3, H, W). */
    NDArray decode(NDArray latents) {
        return model.decode(store, latents, false);
    }
}
