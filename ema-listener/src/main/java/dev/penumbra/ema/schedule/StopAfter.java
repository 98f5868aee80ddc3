// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;

/**
 * A schedule that ends: afterwards nothing happens to the average, the decay is 1.
 *
 * @param steps the number of steps that follow the schedule, at least 0
 * @param schedule the schedule until then
 */
public record StopAfter(long steps, DecaySchedule schedule) implements DecaySchedule {

    /** Checks the number of steps. */
    public StopAfter {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    /**
     * A schedule that ends after a time, rounded to the nearest step, a half upwards.
     *
     * @param span the time that follows the schedule
     * @param size the size of the run
     * @param schedule the schedule until then
     * @return the schedule
     */
    public static StopAfter of(TrainingTime span, RunSize size, DecaySchedule schedule) {
        return new StopAfter(span.nearestStep(size), schedule);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return step > steps ? 1 : schedule.decayAt(step);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return step > steps ? 0 : schedule.weightAt(step);
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        return from >= steps ? 1 : schedule.decayOver(from, Math.min(to, steps));
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        return from >= steps ? 0 : schedule.weightOver(from, Math.min(to, steps));
    }
}
