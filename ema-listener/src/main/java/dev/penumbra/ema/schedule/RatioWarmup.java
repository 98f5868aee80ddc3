// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#ratio}.
 *
 * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, \frac{1 + t}{c + t}\right)\right) \]
 */
record RatioWarmup(double decay, double minDecay, double offset) implements DecaySchedule {

    RatioWarmup {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requireShare("minDecay", minDecay);
        Arguments.requireAtLeast("offset", 1, offset);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return Math.max(Math.min((1.0 + step) / (offset + step), decay), minDecay);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return Math.min(Math.max((offset - 1) / (offset + step), 1 - decay), 1 - minDecay);
    }
}
