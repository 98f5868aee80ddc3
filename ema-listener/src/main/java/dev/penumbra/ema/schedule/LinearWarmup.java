// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#linear}.
 *
 * <p>\[ \beta_t = b_0 + (b_1 - b_0)\, t / T \]
 */
record LinearWarmup(double from, double to, long steps) implements DecaySchedule {

    LinearWarmup {
        Arguments.requireClosedShare("from", from);
        Arguments.requireClosedShare("to", to);
        Arguments.requireCount("steps", steps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return WeightMath.between(from, to, step, steps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return WeightMath.between(1 - from, 1 - to, step, steps);
    }
}
