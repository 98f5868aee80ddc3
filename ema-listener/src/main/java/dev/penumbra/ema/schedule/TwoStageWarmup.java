// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that moves in two straight lines: to a middle value and from there to the final one.
 *
 * <p>\[ \beta_t = b_0 + (b_1 - b_0)\, t / T_1 \quad (t \le T_1), \qquad \beta_t = b_1 + (b_2 -
 * b_1)(t - T_1) / T_2 \quad (T_1 \lt t \le T_1 + T_2) \]
 *
 * <p>and \( b_2 \) afterwards. Such a warmup is passed on in notes of practitioners; no paper is
 * known that defines it.
 *
 * @param from the decay \(b_0\) at step 0, in [0, 1]
 * @param middle the decay \(b_1\) at step \(T_1\), in [0, 1]
 * @param to the decay \(b_2\) from step \(T_1 + T_2\) on, in [0, 1]
 * @param firstSteps the number of steps \(T_1\), at least 1
 * @param secondSteps the number of steps \(T_2\), at least 1
 */
public record TwoStageWarmup(
        double from, double middle, double to, long firstSteps, long secondSteps)
        implements DecaySchedule {

    /** Checks every component. */
    public TwoStageWarmup {
        Arguments.requireClosedShare("from", from);
        Arguments.requireClosedShare("middle", middle);
        Arguments.requireClosedShare("to", to);
        Arguments.requireCount("firstSteps", firstSteps);
        Arguments.requireCount("secondSteps", secondSteps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return step <= firstSteps
                ? Shares.between(from, middle, step, firstSteps)
                : Shares.between(middle, to, step - firstSteps, secondSteps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return step <= firstSteps
                ? Shares.between(1 - from, 1 - middle, step, firstSteps)
                : Shares.between(1 - middle, 1 - to, step - firstSteps, secondSteps);
    }
}
