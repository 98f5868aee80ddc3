// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#inversePower}.
 *
 * <p>With \( s = t - \text{startAfter} - 1 \) the decay is 0 for \( s \le 0 \) and otherwise
 *
 * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, 1 - (1 + s / \gamma)^{-p} \right)
 * \right) \]
 */
record InversePowerWarmup(
        double decay, double gamma, double power, double minDecay, long startAfter)
        implements DecaySchedule {

    InversePowerWarmup {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requirePositive("gamma", gamma);
        Arguments.requirePositive("power", power);
        Arguments.requireShare("minDecay", minDecay);
        Arguments.requireNotNegative("startAfter", startAfter);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step - 1 <= startAfter ? 0 : Math.max(Math.min(1 - falling(step), decay), minDecay);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step - 1 <= startAfter
                ? 1
                : Math.min(Math.max(falling(step), 1 - decay), 1 - minDecay);
    }

    private double falling(long step) {
        return Math.pow(1 + (step - 1 - startAfter) / gamma, -power);
    }
}
