// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A schedule that begins later: until then every step copies the online weights.
 *
 * @param steps the number of steps that copy, at least 0
 * @param schedule the schedule that follows, whose first step is the next one
 */
public record Delayed(long steps, DecaySchedule schedule) implements DecaySchedule {

    /** Checks the number of steps. */
    public Delayed {
        Arguments.requireNotNegative("steps", steps);
        java.util.Objects.requireNonNull(schedule, "schedule");
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
}
