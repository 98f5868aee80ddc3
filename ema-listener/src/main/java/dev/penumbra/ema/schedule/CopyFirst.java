// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;
import java.util.Objects;

/** The schedule of {@link DecaySchedule#copyFirst}. */
record CopyFirst(long steps, DecaySchedule schedule) implements Late {

    CopyFirst {
        Arguments.requireNotNegative("steps", steps);
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public double before() {
        return 0;
    }
}
