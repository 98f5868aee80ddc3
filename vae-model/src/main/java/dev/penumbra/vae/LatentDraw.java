// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import org.jspecify.annotations.Nullable;

/** Which latent of a posterior is decoded. */
final class LatentDraw {

    private LatentDraw() {}

    /** The latent of the noise; without noise a drawn one in training, and the mode otherwise. */
    static NDArray of(DiagonalGaussian posterior, @Nullable NDArray noise, boolean training) {
        if (noise != null) {
            return posterior.sample(noise);
        }
        return training ? posterior.sample() : posterior.mode();
    }
}
