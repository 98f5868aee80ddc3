// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;

/**
 * A schedule that is read at another step, so that a count may begin at another number.
 *
 * <p>\[ \beta_t = \beta'_{\max(0,\, t + \text{by})} \]
 *
 * <p>{@code new Shifted(-1, schedule)} begins with the schedule's value before any step, {@code new
 * Shifted(1, schedule)} with its second one.
 *
 * @param by the number of steps to read ahead; below 0 to read behind
 * @param schedule the schedule that is read
 */
public record Shifted(long by, DecaySchedule schedule) implements DecaySchedule {

    /** Checks the schedule. */
    public Shifted {
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return schedule.decayAt(Shares.shifted(step, by));
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return schedule.weightAt(Shares.shifted(step, by));
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        long first = Shares.shifted(from, by);
        long last = Shares.shifted(to, by);
        double decay = Math.pow(schedule.decayAt(0), (double) stepsAtZero(from, to));
        return last > first ? decay * schedule.decayOver(first, last) : decay;
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        long first = Shares.shifted(from, by);
        long last = Shares.shifted(to, by);
        double decay = Math.pow(schedule.decayAt(0), (double) stepsAtZero(from, to));
        return last > first
                ? Shares.weightOfBoth(1 - decay, schedule.weightOver(first, last))
                : 1 - decay;
    }

    /** How many of the steps read the value before any step. */
    private long stepsAtZero(long from, long to) {
        return by >= 0 ? 0 : Math.max(0, Math.min(to, -by) - from);
    }
}
