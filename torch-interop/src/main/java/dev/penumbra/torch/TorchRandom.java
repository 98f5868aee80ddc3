// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.JniUtils;

/**
 * PyTorch's random generators, from which dropout and random arrays come.
 *
 * <p>Their state can be set by a seed but not read. A training that is to be resumed exactly
 * therefore seeds them before every step with a number that depends on the step.
 */
public final class TorchRandom {

    private TorchRandom() {}

    /**
     * Seeds the generators of all devices and leaves DJL's own generator, which shuffles, as it is.
     *
     * @param seed the seed
     */
    public static void seed(long seed) {
        Engine.getEngine("PyTorch");
        JniUtils.setSeed(seed);
    }

    /**
     * Seeds the generators for a step. Seeds of different steps have nothing in common.
     *
     * @param seed the seed of the training
     * @param step the optimizer steps taken so far, at least 0
     * @throws IllegalArgumentException if the step is negative
     */
    public static void seed(long seed, long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0, got " + step);
        }
        seed(mix(seed + mix(step)));
    }

    /** The finalizer of SplitMix64, a bijection in which every bit of the input counts. */
    static long mix(long value) {
        long z = value + 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return z ^ (z >>> 31);
    }
}
