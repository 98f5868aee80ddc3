// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.Objects;

/** The schedule of {@link DecaySchedule#stopAfter}. */
record StopAfter(long steps, DecaySchedule schedule) implements DecaySchedule {

    StopAfter {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step > steps ? 1 : schedule.decayAt(step);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step > steps ? 0 : schedule.weightAt(step);
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return from >= steps ? 1 : schedule.decayOver(from, Math.min(to, steps));
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return from >= steps ? 0 : schedule.weightOver(from, Math.min(to, steps));
    }
}
