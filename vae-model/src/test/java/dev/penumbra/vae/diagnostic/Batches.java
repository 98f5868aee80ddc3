// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.vae.LogVarClamp;
import java.util.Map;
import java.util.Random;

/** Moments for tests, and what a checkpoint gives back. */
final class Batches {

    static final ClampLimits CLAMP = ClampLimits.of(LogVarClamp.LATENT_DIFFUSION);

    private Batches() {}

    /** The mean or the log-variance of a sample's element. */
    @FunctionalInterface
    interface Element {
        double at(int sample, int channel, int place);
    }

    static NDArray moments(NDManager manager, Shape latents, Element mean, Element logVar) {
        int samples = (int) latents.get(0);
        int channels = (int) latents.get(1);
        int places = (int) (latents.size() / samples / channels);
        double[] values = new double[2 * (int) latents.size()];
        int at = 0;
        for (int n = 0; n < samples; n++) {
            for (int c = 0; c < 2 * channels; c++) {
                Element element = c < channels ? mean : logVar;
                for (int p = 0; p < places; p++) {
                    values[at++] = element.at(n, c % channels, p);
                }
            }
        }
        long[] shape = latents.getShape().clone();
        shape[1] *= 2;
        return manager.create(values, new Shape(shape));
    }

    /** Normal means of a scale and log-variances around one. */
    static NDArray random(NDManager manager, long seed, Shape latents, double scale, double log) {
        Random random = new Random(seed);
        return moments(
                manager,
                latents,
                (n, c, p) -> scale * random.nextGaussian(),
                (n, c, p) -> log + 0.3 * random.nextGaussian());
    }

    static PosteriorBatch batch(NDArray moments) {
        return PosteriorBatch.of(moments, CLAMP);
    }

    /** A saved state without arrays. */
    record Values(Map<String, String> values) implements SavedState {

        static Values of(State state) {
            return new Values(state.values());
        }

        @Override
        public Map<String, TensorInfo> tensors() {
            return Map.of();
        }

        @Override
        public void readInto(String name, NDArray target) {
            throw new AssertionError("no array " + name);
        }
    }
}
