// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay whose weight falls with the square root of the step, so the averaging window grows like
 * it.
 *
 * <p>\[ \beta_t = 1 - 1 / \sqrt{t + 1} \]
 *
 * <p>The formula is passed on in notes of practitioners; no paper is known that defines it.
 */
public record InverseSquareRoot() implements DecaySchedule {

    @Override
    public double decayAt(long step) {
        return 1 - weightAt(step);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return 1 / Math.sqrt(step + 1.0);
    }
}
