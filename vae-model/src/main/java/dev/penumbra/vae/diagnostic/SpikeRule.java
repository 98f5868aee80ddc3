// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * When the divergence of a step is a spike: it exceeds the median of the steps before it by more
 * than a number of their spreads.
 *
 * <p>The spread is 1.4826 times the median absolute deviation, the standard deviation of normal
 * data, and at least 1 % of the median and 0.01 nats, so that what no one would see is no spike.
 * Nothing is a spike before the window is full. Spikes enter the window too: a lasting change of
 * level is a spike for at most half a window.
 *
 * @param window the number of steps that the median is taken of, at least 3
 * @param threshold the number of spreads, finite and above 0
 */
public record SpikeRule(int window, double threshold) {

    /** Checks the rule. */
    public SpikeRule {
        Arguments.requireAtLeast("window", 3, window);
        Arguments.requirePositive("threshold", threshold);
    }

    /**
     * 8 spreads above the median of 64 steps.
     *
     * @return the rule
     */
    public static SpikeRule defaults() {
        return new SpikeRule(64, 8);
    }
}
