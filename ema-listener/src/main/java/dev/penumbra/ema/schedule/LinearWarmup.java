// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that moves from one value to another by a constant amount per step.
 *
 * <p>\[ \beta_t = b_0 + (b_1 - b_0)\, t / T \]
 *
 * <p>for \( t \le T \), and \( b_1 \) afterwards.
 *
 * @param from the decay \(b_0\) at step 0, in [0, 1]
 * @param to the decay \(b_1\) from step \(T\) on, in [0, 1]
 * @param steps the number of steps \(T\), at least 1
 */
public record LinearWarmup(double from, double to, long steps) implements DecaySchedule {

    /** Checks every component. */
    public LinearWarmup {
        Arguments.requireClosedShare("from", from);
        Arguments.requireClosedShare("to", to);
        Arguments.requireCount("steps", steps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return Shares.between(from, to, step, steps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return Shares.between(1 - from, 1 - to, step, steps);
    }
}
