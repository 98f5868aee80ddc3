// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.Objects;

/** The schedule of {@link DecaySchedule#clamped}. */
record Clamped(double min, double max, DecaySchedule schedule) implements DecaySchedule {

    Clamped {
        Arguments.requireClosedShare("min", min);
        Arguments.requireClosedShare("max", max);
        if (min > max) {
            throw new IllegalArgumentException(
                    "min must be at most max, got min=" + min + " and max=" + max);
        }
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double decayAt(long step) {
        return Math.min(max, Math.max(min, schedule.decayAt(step)));
    }

    @Override
    public double weightAt(long step) {
        return Math.max(1 - max, Math.min(1 - min, schedule.weightAt(step)));
    }
}
