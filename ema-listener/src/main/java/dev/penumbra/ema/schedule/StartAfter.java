// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.Objects;

/**
 * A schedule that begins later, as {@link DecaySchedule#startAfter} makes it: until then nothing
 * happens to the average.
 *
 * @param steps the number of steps before, at least 0
 * @param schedule the schedule that follows, whose first step is the next one
 */
public record StartAfter(long steps, DecaySchedule schedule) implements Late {

    /** Checks the number of steps. */
    public StartAfter {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double before() {
        return 1;
    }
}
