// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

/** What wants to look at the averages right after each optimizer step has been averaged. */
public interface AfterStep {

    /**
     * Tells that a step has been averaged.
     *
     * @param averages the averages, whose {@link WeightAverages#step()} counts the step just taken
     */
    void afterStep(WeightAverages averages);
}
