// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#cosine}.
 *
 * <p>\[ \beta_t = b_1 - (b_1 - b_0) \frac{1 + \cos(\pi t / T)}{2} \]
 */
record CosineSchedule(double from, double to, long steps) implements DecaySchedule {

    CosineSchedule {
        Arguments.requireClosedShare("from", from);
        Arguments.requireClosedShare("to", to);
        Arguments.requireCount("steps", steps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        if (step >= steps) {
            return to;
        }
        return to - (to - from) * (Math.cos(Math.PI * step / steps) + 1) / 2;
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        if (step >= steps) {
            return 1 - to;
        }
        double root = Math.cos(Math.PI / 2 * step / steps);
        return (1 - to) + (to - from) * root * root;
    }
}
