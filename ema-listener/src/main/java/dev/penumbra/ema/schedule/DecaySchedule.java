// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.Nullable;

/**
 * The share of the average that is kept at each step, a pure function of the step.
 *
 * <p>A schedule is immutable; two schedules with the same settings are equal.
 */
public sealed interface DecaySchedule extends AveragingRule
        permits ArithmeticMean,
                BiasCorrectedDecay,
                Clamped,
                ConstantDecay,
                CosineSchedule,
                CopyFirst,
                Every,
                ExponentialWarmup,
                GeometricWarmup,
                HalfLifeRampUp,
                InversePowerWarmup,
                InverseSquareRoot,
                LinearWarmup,
                MomentumAnnealing,
                Piecewise,
                PowerFunction,
                RatioWarmup,
                Shifted,
                SinglePrecisionWarmup,
                StartAfter,
                StopAfter,
                TwoStageWarmup {

    @Override
    default boolean needsGradients() {
        return false;
    }

    @Override
    default StepWeights weightsAt(long step, @Nullable GradientNorms norms) {
        return StepWeights.same(weightAt(step));
    }

    @Override
    default double decayOf(long step, double weight) {
        return decayAt(step);
    }

    /**
     * Returns the share of the average that is kept at the given step.
     *
     * @param step optimizer steps taken so far, counting the one just taken; the first is 1, and 0
     *     asks before any
     * @return the decay, in [0, 1]; 0 replaces the average by the online weights, and 1 leaves the
     *     average alone
     * @throws IllegalArgumentException if {@code step < 0}
     */
    double decayAt(long step);

    /**
     * Returns the share of the online weights that enters the average, one minus the decay.
     *
     * <p>Where the formula allows, it is computed without the cancellation of {@code 1 - decay}.
     *
     * @param step as in {@link #decayAt}
     * @return the weight, in [0, 1]
     */
    default double weightAt(long step) {
        return 1 - decayAt(step);
    }

    /**
     * Returns the share of the average that is kept when one update stands for several steps.
     *
     * <p>\[ \prod_{t = \text{from} + 1}^{\text{to}} \beta_t \]
     *
     * @param from the step of the update before, at least 0
     * @param to the step of this update, above {@code from}
     * @return the product of the decays of the steps after {@code from} up to {@code to}, in [0, 1]
     * @throws IllegalArgumentException if {@code from < 0} or {@code to <= from}
     */
    default double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        double decay = 1;
        for (long step = from; step < to && decay > 0; ) {
            decay *= decayAt(++step);
        }
        return decay;
    }

    /**
     * Returns the share of the online weights that enters when one update stands for several steps,
     * one minus {@link #decayOver}, computed without the cancellation.
     *
     * @param from as in {@link #decayOver}
     * @param to as in {@link #decayOver}
     * @return the weight, in [0, 1]
     */
    default double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        double log = 0;
        for (long step = from; step < to && log > Double.NEGATIVE_INFINITY; ) {
            log += Math.log1p(-weightAt(++step));
        }
        return Shares.complementOfExp(log);
    }
}
