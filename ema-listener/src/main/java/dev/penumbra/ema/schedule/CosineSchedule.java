// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that moves from one value to another along half a cosine.
 *
 * <p>\[ \beta_t = b_1 - (b_1 - b_0) \frac{1 + \cos(\pi t / T)}{2} \]
 *
 * <p>for \( t \le T \), and \( b_1 \) afterwards. Teachers of self-supervised learning rise to 1,
 * where the average rests.
 *
 * @param from the decay \(b_0\) at step 0, in [0, 1]
 * @param to the decay \(b_1\) from step \(T\) on, in [0, 1]
 * @param steps the number of steps \(T\), at least 1
 * @see <a href="https://arxiv.org/abs/2006.07733">Grill et al. (2020), Bootstrap Your Own
 *     Latent</a>, section 3.2
 */
public record CosineSchedule(double from, double to, long steps) implements DecaySchedule {

    /** Checks every component. */
    public CosineSchedule {
        Arguments.requireClosedShare("from", from);
        Arguments.requireClosedShare("to", to);
        Arguments.requireCount("steps", steps);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        if (step >= steps) {
            return to;
        }
        return to - (to - from) * (Math.cos(Math.PI * step / steps) + 1) / 2;
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        if (step >= steps) {
            return 1 - to;
        }
        double root = Math.cos(Math.PI / 2 * step / steps);
        return (1 - to) + (to - from) * root * root;
    }
}
