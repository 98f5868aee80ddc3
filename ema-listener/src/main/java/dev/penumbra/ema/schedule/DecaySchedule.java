// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.ema.schedule.Every.Mode;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The share of the average that is kept at each step, a pure function of the step.
 *
 * <p>{@link ConstantDecay}, {@link ArithmeticMean}, {@link PowerFunction} and the formulas of
 * {@link Decays} are schedules, and the methods here make others of them: {@code new
 * ArithmeticMean().every(10).startAfter(1000)} is the mean of every tenth step after 1000. A
 * schedule is immutable; two schedules with the same settings are equal.
 */
public sealed interface DecaySchedule extends AveragingRule
        permits ArithmeticMean,
                BiasCorrectedDecay,
                Clamped,
                ConstantDecay,
                CosineSchedule,
                Every,
                ExponentialWarmup,
                GeometricWarmup,
                HalfLifeRampUp,
                InversePowerWarmup,
                InverseSquareRoot,
                Late,
                LinearWarmup,
                MomentumAnnealing,
                Piecewise,
                PowerFunction,
                RatioWarmup,
                Shifted,
                SinglePrecisionWarmup,
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
        WeightMath.requireRange(from, to);
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
        WeightMath.requireRange(from, to);
        double log = 0;
        for (long step = from; step < to && log > Double.NEGATIVE_INFINITY; ) {
            log += Math.log1p(-weightAt(++step));
        }
        return WeightMath.complementOfExp(log);
    }

    /**
     * Returns a schedule that begins later: until then every step copies the online weights.
     *
     * @param steps the number of steps that copy, at least 0
     * @return the schedule, in which this one's first step is the next one
     * @see #startAfter
     */
    default DecaySchedule copyFirst(long steps) {
        return new CopyFirst(steps, this);
    }

    /**
     * Returns a schedule that begins later: until then nothing happens to the average, the decay is
     * 1.
     *
     * <p>A schedule whose first decay is 0, such as {@link ArithmeticMean}, begins with a copy;
     * another one begins from the average's initial weights, unless it is {@code
     * schedule.copyFirst(1)}.
     *
     * @param steps the number of steps before, at least 0
     * @return the schedule, in which this one's first step is the next one
     * @see #copyFirst
     */
    default DecaySchedule startAfter(long steps) {
        return new StartAfter(steps, this);
    }

    /**
     * Returns a schedule that ends: afterwards nothing happens to the average, the decay is 1.
     *
     * @param steps the number of steps that follow this schedule, at least 0
     * @return the schedule
     */
    default DecaySchedule stopAfter(long steps) {
        return new StopAfter(steps, this);
    }

    /**
     * Returns this schedule and another one after it, both reading the same clock.
     *
     * <p>The other one is asked for the step of the run, not for the steps since it began; one that
     * is to begin its own count after \(n\) steps is {@code next.shifted(-n)}. Three schedules in a
     * row are {@code first.until(10, second.until(20, third))}.
     *
     * @param step the last step of this schedule, at least 1; below the one until which {@code
     *     next} has its first schedule, if it has several
     * @param next the schedule afterwards
     * @return the schedule
     */
    default DecaySchedule until(long step, DecaySchedule next) {
        return Piecewise.of(step, this, next);
    }

    /**
     * Returns this schedule read at another step, so that a count may begin at another number.
     *
     * <p>\[ \beta'_t = \beta_{\max(0,\, t + \text{by})} \]
     *
     * <p>{@code schedule.shifted(-1)} begins with the schedule's value before any step, {@code
     * schedule.shifted(1)} with its second one.
     *
     * @param by the number of steps to read ahead; below 0 to read behind
     * @return the schedule
     */
    default DecaySchedule shifted(long by) {
        return new Shifted(by, this);
    }

    /**
     * Returns this schedule with a decay that is kept within two bounds.
     *
     * @param min the least decay, in [0, 1]
     * @param max the greatest decay, in [0, 1] and at least {@code min}
     * @return the schedule
     */
    default DecaySchedule clamped(double min, double max) {
        return new Clamped(min, max, this);
    }

    /**
     * Returns this schedule with updates at the multiples of a number of steps only.
     *
     * @param steps the number of steps, at least 1
     * @return the schedule, which keeps its meaning
     * @see #every(StepInterval)
     */
    default DecaySchedule every(long steps) {
        return Every.of(steps, this);
    }

    /**
     * Returns this schedule with updates at some steps only: the decay of the others is 1.
     *
     * <p>An update stands for all steps since the one before: its decay is the product of theirs,
     * so the schedule keeps its meaning whatever the interval.
     *
     * @param interval the steps that update the average
     * @return the schedule
     */
    default DecaySchedule every(StepInterval interval) {
        return new Every(interval, this, Mode.COMPENSATED);
    }

    /**
     * Returns this schedule with updates at some steps only, each of which stands for its own step
     * alone and has this schedule's decay at that step. The longer the interval, the longer the
     * average reaches back.
     *
     * @param interval the steps that update the average
     * @return the schedule
     */
    default DecaySchedule everyUncompensated(StepInterval interval) {
        return new Every(interval, this, Mode.STEP);
    }

    /**
     * Returns this schedule with updates at some steps only, and with these as its steps: the n-th
     * update has this schedule's decay at step n.
     *
     * @param interval the steps that update the average
     * @return the schedule
     */
    default DecaySchedule everyCountingUpdates(StepInterval interval) {
        return new Every(interval, this, Mode.UPDATE);
    }

    /**
     * Returns the steps that update the average, if one of the methods {@code every...} has made
     * this schedule.
     *
     * @return the steps
     */
    default Optional<StepInterval> updates() {
        return Optional.empty();
    }
}
