// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The size of a training run, by which times in other units are converted to optimizer steps.
 *
 * <p>A half-life of two epochs is {@code ConstantDecay.ofHalfLife(size.epochs(2))}, a start after
 * three quarters of the run {@code schedule.startAfter(Math.round(size.fraction(0.75)))}.
 *
 * @param totalSteps the optimizer steps of the whole run, at least 1
 * @param stepsPerEpoch the optimizer steps of an epoch, at least 1
 * @param samplesPerStep the samples of an optimizer step, at least 1: the batch size times the
 *     number of batches whose gradients are accumulated
 */
public record RunSize(long totalSteps, long stepsPerEpoch, long samplesPerStep) {

    /** Checks every component. */
    public RunSize {
        Arguments.requireCount("totalSteps", totalSteps);
        Arguments.requireCount("stepsPerEpoch", stepsPerEpoch);
        Arguments.requireCount("samplesPerStep", samplesPerStep);
    }

    /**
     * Returns the time of some training samples.
     *
     * @param amount the number of samples, finite and at least 0
     * @return the time in steps, which need not be whole
     */
    public double samples(double amount) {
        Arguments.requireAtLeast("amount", 0, amount);
        return amount / samplesPerStep;
    }

    /**
     * Returns the time of some passes over the training data.
     *
     * @param amount the number of epochs, finite and at least 0
     * @return the time in steps, which need not be whole
     */
    public double epochs(double amount) {
        Arguments.requireAtLeast("amount", 0, amount);
        return amount * stepsPerEpoch;
    }

    /**
     * Returns the time of a share of the run.
     *
     * @param fraction the share, in [0, 1]
     * @return the time in steps, which need not be whole
     */
    public double fraction(double fraction) {
        Arguments.requireClosedShare("fraction", fraction);
        return fraction * totalSteps;
    }
}
