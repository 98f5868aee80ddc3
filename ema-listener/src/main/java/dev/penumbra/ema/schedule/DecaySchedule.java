// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * The share of the average that is kept at each step, a pure function of the step.
 *
 * <p>A schedule is immutable; two schedules with the same settings are equal.
 */
public sealed interface DecaySchedule extends AveragingRule
        permits ArithmeticMean, ConstantDecay, Delayed, InversePowerWarmup {

    /**
     * Returns the share of the average that is kept at the given step.
     *
     * @param step optimizer steps taken so far, counting the one just taken; the first is 1, and 0
     *     asks before any
     * @return the decay, in [0, 1]; 0 replaces the average by the online weights
     * @throws IllegalArgumentException if {@code step < 0}
     */
    double decayAt(long step);

    /**
     * Returns the share of the online weights that enters the average, one minus the decay.
     *
     * @param step as in {@link #decayAt}
     * @return the weight, in [0, 1]
     */
    default double weightAt(long step) {
        return 1 - decayAt(step);
    }
}
