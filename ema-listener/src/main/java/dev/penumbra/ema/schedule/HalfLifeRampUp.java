// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#halfLifeRampUp}.
 *
 * <p>\[ \beta_t = 2^{-1 / \min(h,\, r t)} \]
 */
record HalfLifeRampUp(double halfLife, double ratio) implements DecaySchedule {

    HalfLifeRampUp {
        if (!(halfLife > 0)) {
            throw new IllegalArgumentException("halfLife must be above 0, got " + halfLife);
        }
        Arguments.requirePositive("ratio", ratio);
    }

    @Override
    public double decayAt(long step) {
        return Math.pow(0.5, 1 / halfLifeAt(step));
    }

    @Override
    public double weightAt(long step) {
        return WeightMath.complementOfExp(-Math.log(2) / halfLifeAt(step));
    }

    private double halfLifeAt(long step) {
        Arguments.requireNotNegative("step", step);
        return Math.min(halfLife, ratio * step);
    }
}
