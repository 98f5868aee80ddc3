// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.Nullable;

/**
 * A rule that decides how much of an average is kept when the online weights enter it.
 *
 * <p>A {@link DecaySchedule} decides from the step alone, {@link GradientAdaptive} from the norm of
 * the gradient, and {@link LayerwiseGradient} from both, for each parameter. A rule is immutable;
 * two rules with the same settings are equal. All of them are written and read as JSON.
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
     * @param step optimizer steps taken so far, counting the one just taken; the first is 1, and 0
     *     asks before any
     * @param norms the norms of the step's gradients, null if they were not observed
     * @return the weights; NaN where a gradient is not finite
     * @throws IllegalArgumentException if {@code step < 0}
     * @throws IllegalStateException if the rule needs gradients and none were observed
     */
    StepWeights weightsAt(long step, @Nullable GradientNorms norms);

    /**
     * Returns the decay that a step of the average's own weight stands for.
     *
     * @param step as in {@link #weightsAt}
     * @param weight the weight of that step
     * @return the decay, in [0, 1]
     */
    default double decayOf(long step, double weight) {
        return 1 - weight;
    }

    /**
     * Returns this rule as JSON, such as {@code {"type":"ConstantDecay","decay":0.9999}}.
     *
     * <p>It is an object with the name of the rule's type and its components; rules, intervals and
     * lists within it are nested. Infinity is the string {@code "Infinity"}.
     *
     * @return the JSON object, without line breaks
     */
    default String toJson() {
        return RuleJson.toJson(this);
    }

    /**
     * Reads a rule that {@link #toJson} has written; doubles come back bit for bit.
     *
     * <p>Reading is strict: every component is given, nothing else is, and the rule's own checks
     * apply. Names of types that earlier versions wrote are known.
     *
     * @param json the JSON object
     * @return the rule
     * @throws IllegalArgumentException if it is not the JSON of a rule; the message names the
     *     component
     */
    static AveragingRule fromJson(String json) {
        return RuleJson.fromJson(json);
    }
}
