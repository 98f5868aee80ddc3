// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;
import java.util.Optional;

/**
 * A schedule whose average is updated at some steps only, as the methods {@code every...} of {@link
 * DecaySchedule} make it: the decay of the other steps is 1.
 *
 * @param interval the steps that update the average
 * @param schedule the schedule
 * @param mode what an update stands for
 */
public record Every(StepInterval interval, DecaySchedule schedule, Mode mode)
        implements DecaySchedule {

    /** What an update stands for. */
    public enum Mode {
        /** All steps since the update before. */
        COMPENSATED,
        /** Its own step alone. */
        STEP,
        /** One step of the schedule, which counts updates. */
        UPDATE
    }

    /** Checks that all are given. */
    public Every {
        Objects.requireNonNull(interval, "interval");
        Objects.requireNonNull(schedule, "schedule");
        Objects.requireNonNull(mode, "mode");
    }

    /**
     * A compensated schedule at the multiples of a number of steps.
     *
     * @param steps the number of steps, at least 1
     * @param schedule the schedule
     * @return the schedule
     */
    public static Every of(long steps, DecaySchedule schedule) {
        return new Every(new StepInterval(steps), schedule, Mode.COMPENSATED);
    }

    @Override
    public Optional<StepInterval> updates() {
        return Optional.of(interval);
    }

    @Override
    public double decayAt(long step) {
        if (!interval.includes(step)) {
            return 1;
        }
        return switch (mode) {
            case COMPENSATED -> schedule.decayOver(interval.previous(step), step);
            case STEP -> schedule.decayAt(step);
            case UPDATE -> schedule.decayAt(interval.countUpTo(step));
        };
    }

    @Override
    public double weightAt(long step) {
        if (!interval.includes(step)) {
            return 0;
        }
        return switch (mode) {
            case COMPENSATED -> schedule.weightOver(interval.previous(step), step);
            case STEP -> schedule.weightAt(step);
            case UPDATE -> schedule.weightAt(interval.countUpTo(step));
        };
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        long first = interval.countUpTo(from);
        long last = interval.countUpTo(to);
        if (first == last) {
            return 1;
        }
        return switch (mode) {
            case COMPENSATED -> schedule.decayOver(interval.lastUpTo(from), interval.lastUpTo(to));
            case STEP -> {
                double decay = 1;
                for (long count = first; count < last && decay > 0; ) {
                    decay *= schedule.decayAt(interval.step(++count));
                }
                yield decay;
            }
            case UPDATE -> schedule.decayOver(first, last);
        };
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        long first = interval.countUpTo(from);
        long last = interval.countUpTo(to);
        if (first == last) {
            return 0;
        }
        return switch (mode) {
            case COMPENSATED -> schedule.weightOver(interval.lastUpTo(from), interval.lastUpTo(to));
            case STEP -> {
                double weight = 0;
                for (long count = first; count < last && weight < 1; ) {
                    double next = schedule.weightAt(interval.step(++count));
                    weight = WeightMath.weightOfBoth(weight, next);
                }
                yield weight;
            }
            case UPDATE -> schedule.weightOver(first, last);
        };
    }
}
