// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;

/**
 * A schedule that begins later: until then nothing happens to the average.
 *
 * <p>The decay is 1 until then. A schedule whose first decay is 0, such as {@link ArithmeticMean},
 * begins with a copy; another one begins from the average's initial weights, unless it is wrapped
 * as {@code new CopyFirst(1, schedule)}.
 *
 * @param steps the number of steps before, at least 0
 * @param schedule the schedule that follows, whose first step is the next one
 * @see CopyFirst
 */
public record StartAfter(long steps, DecaySchedule schedule) implements DecaySchedule {

    /** Checks the number of steps. */
    public StartAfter {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    /**
     * A schedule that begins after a time, rounded to the nearest step, a half upwards.
     *
     * @param span the time before
     * @param size the size of the run
     * @param schedule the schedule that follows
     * @return the schedule
     */
    public static StartAfter of(TrainingTime span, RunSize size, DecaySchedule schedule) {
        return new StartAfter(span.nearestStep(size), schedule);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return step <= steps ? 1 : schedule.decayAt(step - steps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return step <= steps ? 0 : schedule.weightAt(step - steps);
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        return to <= steps ? 1 : schedule.decayOver(Math.max(from - steps, 0), to - steps);
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        return to <= steps ? 0 : schedule.weightOver(Math.max(from - steps, 0), to - steps);
    }
}
