// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#momentumAnnealing}.
 *
 * <p>\[ \beta_t = 1 - \max\left(1 - \beta, \frac{\gamma}{\gamma + t - 1}\right) \]
 */
record MomentumAnnealing(double decay, double gamma) implements DecaySchedule {

    MomentumAnnealing {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requirePositive("gamma", gamma);
    }

    @Override
    public double decayAt(long step) {
        return Math.min(decay, 1 - falling(step));
    }

    @Override
    public double weightAt(long step) {
        return Math.max(1 - decay, falling(step));
    }

    private double falling(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= 1 ? 1 : gamma / (gamma + (step - 1));
    }
}
