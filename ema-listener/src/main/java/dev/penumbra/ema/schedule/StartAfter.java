// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.Objects;

/** The schedule of {@link DecaySchedule#startAfter}. */
record StartAfter(long steps, DecaySchedule schedule) implements Late {

    StartAfter {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double before() {
        return 1;
    }
}
