// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import org.jspecify.annotations.Nullable;

/**
 * A decay that follows the norm of the gradient: large gradients are averaged longer.
 *
 * <p>\[ \beta = 1 - \frac{c}{\sqrt{1 + \lVert g \rVert^2}} \]
 *
 * <p>The formula is passed on in notes of practitioners; no paper is known that defines it.
 *
 * @param c the weight of a step without gradient, in (0, 1]
 */
public record GradientAdaptive(double c) implements AveragingRule {

    /** Checks the weight. */
    public GradientAdaptive {
        Arguments.requirePositiveShare("c", c);
    }

    @Override
    public StepWeights weightsAt(long step, @Nullable GradientNorms norms) {
        double total = GradientNorms.require(norms, step).total();
        return StepWeights.same(Double.isFinite(total) ? weightFor(total) : Double.NaN);
    }

    /**
     * Returns the share of the average that is kept.
     *
     * @param gradientNorm the L2 norm of the whole gradient, finite and at least 0
     * @return the decay, in [0, 1]
     */
    public double decayFor(double gradientNorm) {
        return 1 - weightFor(gradientNorm);
    }

    /**
     * Returns the share of the online weights that enters the average.
     *
     * @param gradientNorm as in {@link #decayFor}
     * @return the weight, in [0, 1]
     */
    public double weightFor(double gradientNorm) {
        Arguments.requireAtLeast("gradientNorm", 0, gradientNorm);
        return c / Math.hypot(1, gradientNorm);
    }
}
