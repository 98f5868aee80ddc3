// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay of a half-life that is at most a share of the run so far.
 *
 * <p>\[ \beta_t = 2^{-1 / \min(h,\, r t)} \]
 *
 * <p>The first steps of a run then leave the average as the run grows; without a greatest half-life
 * the averaging window grows in proportion to the run.
 *
 * @param halfLife the greatest half-life \(h\) in steps, above 0; infinity for none
 * @param ratio the half-life as a share \(r\) of the steps so far, finite and above 0
 * @see <a href="https://arxiv.org/abs/2206.00364">Karras et al. (2022), Elucidating the Design
 *     Space of Diffusion-Based Generative Models</a>, appendix F.2
 */
public record HalfLifeRampUp(double halfLife, double ratio) implements DecaySchedule {

    /** Checks every component. */
    public HalfLifeRampUp {
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
        return Shares.complementOfExp(-Math.log(2) / halfLifeAt(step));
    }

    private double halfLifeAt(long step) {
        Arguments.requireStep(step);
        return Math.min(halfLife, ratio * step);
    }
}
