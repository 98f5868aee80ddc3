// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#inverseSquareRoot}.
 *
 * <p>\[ \beta_t = 1 - 1 / \sqrt{t + 1} \]
 */
record InverseSquareRoot() implements DecaySchedule {

    @Override
    public double decayAt(long step) {
        return 1 - weightAt(step);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return 1 / Math.sqrt(step + 1.0);
    }
}
