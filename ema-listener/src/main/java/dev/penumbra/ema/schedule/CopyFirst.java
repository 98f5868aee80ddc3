// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;

/**
 * A schedule that begins later: until then every step copies the online weights.
 *
 * @param steps the number of steps that copy, at least 0
 * @param schedule the schedule that follows, whose first step is the next one
 * @see StartAfter
 */
public record CopyFirst(long steps, DecaySchedule schedule) implements DecaySchedule {

    /** Checks the number of steps. */
    public CopyFirst {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    /**
     * A schedule that begins after a time, rounded to the nearest step, a half upwards.
     *
     * @param span the time that copies
     * @param size the size of the run
     * @param schedule the schedule that follows
     * @return the schedule
     */
    public static CopyFirst of(TrainingTime span, RunSize size, DecaySchedule schedule) {
        return new CopyFirst(span.nearestStep(size), schedule);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return step <= steps ? 0 : schedule.decayAt(step - steps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return step <= steps ? 1 : schedule.weightAt(step - steps);
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        return from < steps ? 0 : schedule.decayOver(from - steps, to - steps);
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        return from < steps ? 1 : schedule.weightOver(from - steps, to - steps);
    }
}
