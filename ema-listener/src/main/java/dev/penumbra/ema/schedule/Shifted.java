// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.Objects;

/** The schedule of {@link DecaySchedule#shifted}. */
record Shifted(long by, DecaySchedule schedule) implements DecaySchedule {

    Shifted {
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return schedule.decayAt(WeightMath.shifted(step, by));
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return schedule.weightAt(WeightMath.shifted(step, by));
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        long first = WeightMath.shifted(from, by);
        long last = WeightMath.shifted(to, by);
        double decay = Math.pow(schedule.decayAt(0), (double) stepsAtZero(from, to));
        return last > first ? decay * schedule.decayOver(first, last) : decay;
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        long first = WeightMath.shifted(from, by);
        long last = WeightMath.shifted(to, by);
        double decay = Math.pow(schedule.decayAt(0), (double) stepsAtZero(from, to));
        return last > first
                ? WeightMath.weightOfBoth(1 - decay, schedule.weightOver(first, last))
                : 1 - decay;
    }

    /** How many of the steps read the value before any step. */
    private long stepsAtZero(long from, long to) {
        return by >= 0 ? 0 : Math.max(0, Math.min(to, -by) - from);
    }
}
