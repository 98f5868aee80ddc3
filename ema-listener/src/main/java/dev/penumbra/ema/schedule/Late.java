// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/** Another schedule that begins its count after some steps, all of which have one decay. */
sealed interface Late extends DecaySchedule permits CopyFirst, StartAfter {

    /** The decay of the steps before, 0 or 1. */
    double before();

    /** The number of steps before. */
    long steps();

    /** The schedule that follows. */
    DecaySchedule schedule();

    @Override
    default double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= steps() ? before() : schedule().decayAt(step - steps());
    }

    @Override
    default double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= steps() ? 1 - before() : schedule().weightAt(step - steps());
    }

    @Override
    default double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        double first = from < steps() ? before() : 1;
        return to <= steps() ? first : first * schedule().decayOver(counted(from), counted(to));
    }

    @Override
    default double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        double first = from < steps() ? 1 - before() : 0;
        return to <= steps()
                ? first
                : WeightMath.weightOfBoth(first, schedule().weightOver(counted(from), counted(to)));
    }

    private long counted(long step) {
        return Math.max(0, step - steps());
    }
}
