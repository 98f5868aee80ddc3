// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that rises from a copy to its final value as the weight falls with the inverse of the
 * step.
 *
 * <p>\[ \beta_t = 1 - \max\left(1 - \beta, \frac{\gamma}{\gamma + t - 1}\right) \]
 *
 * <p>With \(\gamma = 1\) it is the arithmetic mean until the final decay is reached.
 *
 * @param decay the final decay \(\beta\), in [0, 1]
 * @param gamma the scale of the steps \(\gamma\), finite and above 0
 * @see <a href="https://github.com/open-mmlab/mmengine">MMEngine</a>, {@code MomentumAnnealingEMA},
 *     with 0.9998 and 100
 */
public record MomentumAnnealing(double decay, double gamma) implements DecaySchedule {

    /** Checks every component. */
    public MomentumAnnealing {
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
        Arguments.requireStep(step);
        return step <= 1 ? 1 : gamma / (gamma + (step - 1));
    }
}
