// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The arithmetic mean of the weights after every step, also called stochastic weight averaging.
 *
 * <p>\[ \beta_t = 1 - 1/t \]
 *
 * @see <a href="https://arxiv.org/abs/1803.05407">Izmailov et al. (2018), Averaging Weights Leads
 *     to Wider Optima and Better Generalization</a>
 */
public record ArithmeticMean() implements DecaySchedule {

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step == 0 ? 0 : (step - 1.0) / step;
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step == 0 ? 1 : 1.0 / step;
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return (double) from / to;
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return (double) (to - from) / to;
    }
}
