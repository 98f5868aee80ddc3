// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * The size of a training run, by which times are converted to optimizer steps.
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
}
