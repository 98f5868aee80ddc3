// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

/**
 * A weight that rises by a fixed amount per step until it meets a limit.
 *
 * <p>\[ \beta_t = \min(w, t / T) \]
 *
 * <p>The slope does not depend on the limit: two runs with different limits share their weights
 * until the smaller one is met.
 *
 * @param weight the limit \(w\), finite and at least 0
 * @param steps the steps \(T\) in which the weight would rise to 1, at least 1
 */
public record KlRamp(double weight, long steps) implements KlWeightSchedule {

    /** Checks every component. */
    public KlRamp {
        Arguments.requireWeight("weight", weight);
        Arguments.requireCount("steps", steps);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return Math.min(weight, (double) step / steps);
    }
}
