// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;

/**
 * A schedule whose decay is kept within two bounds.
 *
 * @param min the least decay, in [0, 1]
 * @param max the greatest decay, in [0, 1] and at least {@code min}
 * @param schedule the schedule that is bounded
 */
public record Clamped(double min, double max, DecaySchedule schedule) implements DecaySchedule {

    /** Checks the bounds. */
    public Clamped {
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
