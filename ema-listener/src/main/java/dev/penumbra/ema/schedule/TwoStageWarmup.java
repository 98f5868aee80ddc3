// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#twoStage}.
 *
 * <p>\[ \beta_t = b_0 + (b_1 - b_0)\, t / T_1 \quad (t \le T_1), \qquad \beta_t = b_1 + (b_2 -
 * b_1)(t - T_1) / T_2 \quad (T_1 \lt t \le T_1 + T_2) \]
 */
record TwoStageWarmup(double from, double middle, double to, long firstSteps, long secondSteps)
        implements DecaySchedule {

    TwoStageWarmup {
        Arguments.requireClosedShare("from", from);
        Arguments.requireClosedShare("middle", middle);
        Arguments.requireClosedShare("to", to);
        Arguments.requireCount("firstSteps", firstSteps);
        Arguments.requireCount("secondSteps", secondSteps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= firstSteps
                ? WeightMath.between(from, middle, step, firstSteps)
                : WeightMath.between(middle, to, step - firstSteps, secondSteps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= firstSteps
                ? WeightMath.between(1 - from, 1 - middle, step, firstSteps)
                : WeightMath.between(1 - middle, 1 - to, step - firstSteps, secondSteps);
    }
}
