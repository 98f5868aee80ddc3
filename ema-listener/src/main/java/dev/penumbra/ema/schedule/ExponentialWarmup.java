// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#exponential}.
 *
 * <p>\[ \beta_t = \beta (1 - e^{-t / \tau}) \]
 */
record ExponentialWarmup(double decay, double tau) implements DecaySchedule {

    ExponentialWarmup {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requirePositive("tau", tau);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return decay * (1 - Math.exp(-step / tau));
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return (1 - decay) + decay * Math.exp(-step / tau);
    }
}
