// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.Nullable;

/**
 * A rule that decides how much of an average is kept when the online weights enter it.
 *
 * <p>A {@link DecaySchedule} decides from the step alone, {@link GradientAdaptive} from the norm of
 * the gradient, and {@link LayerwiseGradient} from both, for each parameter. A rule is immutable;
 * two rules with the same settings are equal. {@link RuleJson} writes and reads all of them.
 */
public sealed interface AveragingRule permits DecaySchedule, GradientAdaptive, LayerwiseGradient {

    /**
     * Tells whether the weights depend on the gradients of the step.
     *
     * @return whether they do
     */
    default boolean needsGradients() {
        return true;
    }

    /**
     * Returns how far each parameter's average moves at a step.
     *
     * @param step the optimizer steps taken so far, counting the one just taken; the first is 1
     * @param norms the norms of the step's gradients, null if they were not observed
     * @return the weights; NaN where a gradient is not finite
     * @throws IllegalArgumentException if {@code step < 1}
     * @throws IllegalStateException if the rule needs gradients and none were observed
     */
    StepWeights weightsAt(long step, @Nullable GradientNorms norms);

    /**
     * Returns the decay that a step of the average's own weight stands for.
     *
     * @param step as in {@link #weightsAt}, or 0 before any
     * @param weight the weight of that step
     * @return the decay, in [0, 1]
     */
    default double decayOf(long step, double weight) {
        return 1 - weight;
    }
}
