// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * What a constant decay means, as a time, a window, a variance or a frequency.
 *
 * <p>Times are in updates, which are steps where every step updates the average.
 */
public final class Decays {

    private static final double LN2 = Math.log(2);

    private Decays() {}

    /**
     * Returns the time in which the share of an update's weights halves, \( -\ln 2 / \ln \beta \).
     *
     * @param decay the decay \(\beta\), in (0, 1)
     * @return the half-life in updates
     */
    public static double halfLife(double decay) {
        return LN2 * timeConstant(decay);
    }

    /**
     * Returns the time in which the share of an update's weights falls to 1/e, \( -1 / \ln \beta
     * \).
     *
     * @param decay the decay \(\beta\), in (0, 1)
     * @return the time constant in updates
     */
    public static double timeConstant(double decay) {
        Arguments.requireOpenShare("decay", decay);
        return -1 / Math.log(decay);
    }

    /**
     * Returns the decay of a half-life, \( 2^{-1/h} \).
     *
     * @param halfLife the half-life \(h\) in updates, finite and above 0
     * @return the decay
     */
    public static double ofHalfLife(double halfLife) {
        Arguments.requirePositive("halfLife", halfLife);
        return Math.pow(2, -1 / halfLife);
    }

    /**
     * Returns the decay of a time constant, \( e^{-1/\tau} \).
     *
     * @param timeConstant the time constant \(\tau\) in updates, finite and above 0
     * @return the decay
     */
    public static double ofTimeConstant(double timeConstant) {
        Arguments.requirePositive("timeConstant", timeConstant);
        return Math.exp(-1 / timeConstant);
    }

    /**
     * Returns the effective window, \( 1 / (1 - \beta) \), the mean age of the averaged weights
     * when that of the latest ones is 1.
     *
     * @param decay the decay \(\beta\), in [0, 1)
     * @return the window in updates
     */
    public static double effectiveWindow(double decay) {
        Arguments.requireDecay(decay);
        return 1 / (1 - decay);
    }

    /**
     * Returns the variance of the average of independent noise as a share of the noise's, \( (1 -
     * \beta) / (1 + \beta) \).
     *
     * @param decay the decay \(\beta\), in [0, 1)
     * @return the share, in (0, 1]
     */
    public static double varianceReduction(double decay) {
        Arguments.requireDecay(decay);
        return (1 - decay) / (1 + decay);
    }

    /**
     * Returns the frequency at which the average has half of the power of the online weights.
     *
     * <p>The average is the first-order low-pass filter \( |H(e^{i\omega})|^2 = (1 - \beta)^2 / (1
     * - 2 \beta \cos\omega + \beta^2) \), which is 1/2 at \( \sin(\omega/2) = (1 - \beta) / (2
     * \sqrt\beta) \). Below a decay of \( 3 - 2\sqrt{2} \) no frequency loses half of its power.
     *
     * @param decay the decay \(\beta\), at least \(3 - 2\sqrt{2}\), about 0.1716, and below 1
     * @return the frequency \( \omega / 2\pi \) in cycles per update, in (0, 0.5]
     */
    public static double cutoffFrequency(double decay) {
        double sine = (1 - decay) / (2 * Math.sqrt(decay));
        if (!(decay < 1 && sine <= 1)) {
            throw new IllegalArgumentException(
                    "decay must be in [0.1715728752538099, 1), got " + decay);
        }
        return Math.asin(sine) / Math.PI;
    }

    /**
     * Returns a decay for a run whose length is known, \( 1 - 2 / \sqrt{T} \).
     *
     * @param totalSteps the number of updates \(T\), at least 4
     * @return the decay
     */
    public static double ruleOfThumb(long totalSteps) {
        if (totalSteps < 4) {
            throw new IllegalArgumentException("totalSteps must be at least 4, got " + totalSteps);
        }
        return 1 - 2 / Math.sqrt((double) totalSteps);
    }
}
