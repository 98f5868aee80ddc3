// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#geometric}.
 *
 * <p>\[ \beta_t = b_1 (b_0 / b_1)^{1 - t / T} \]
 */
record GeometricWarmup(double from, double to, long steps) implements DecaySchedule {

    GeometricWarmup {
        Arguments.requirePositiveShare("from", from);
        Arguments.requirePositiveShare("to", to);
        Arguments.requireCount("steps", steps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step >= steps ? to : to * Math.pow(from / to, 1 - (double) step / steps);
    }
}
