// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#biasCorrected}.
 *
 * <p>\[ \beta_t = \beta \frac{1 - \beta^{t-1}}{1 - \beta^t} \]
 */
record BiasCorrectedDecay(double decay) implements DecaySchedule {

    BiasCorrectedDecay {
        Arguments.requireShare("decay", decay);
    }

    @Override
    public double decayAt(long step) {
        if (step <= 1) {
            Arguments.requireNotNegative("step", step);
            return 0;
        }
        double weight = weightAt(step);
        return weight < 0.5 ? 1 - weight : decay * settled(step - 1) / settled(step);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= 1 ? 1 : (1 - decay) / settled(step);
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return from == 0 ? 0 : Math.pow(decay, (double) (to - from)) * settled(from) / settled(to);
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return from == 0 ? 1 : settled(to - from) / settled(to);
    }

    /** The sum of the weights of a zero-initialized average after a step of at least 1. */
    private double settled(long step) {
        return WeightMath.complementOfExp(step * Math.log(decay));
    }
}
