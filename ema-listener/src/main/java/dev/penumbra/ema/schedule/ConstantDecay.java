// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The same decay at every step, and what it means as a time, a window, a variance or a frequency.
 *
 * <p>Times are in updates, which are steps where every step updates the average.
 *
 * @param decay the decay \(\beta\), in [0, 1)
 */
public record ConstantDecay(double decay) implements DecaySchedule {

    private static final double LN2 = Math.log(2);

    /** Checks the decay. */
    public ConstantDecay {
        Arguments.requireShare("decay", decay);
    }

    /**
     * The decay at which the share of an update's weights halves in the given time, \( 2^{-1/h} \).
     *
     * @param halfLife the half-life \(h\) in updates, finite and above 0; of other units by {@link
     *     RunSize}
     * @return the schedule
     */
    public static ConstantDecay ofHalfLife(double halfLife) {
        Arguments.requirePositive("halfLife", halfLife);
        return new ConstantDecay(Math.pow(2, -1 / halfLife));
    }

    /**
     * The decay at which the share of an update's weights falls to 1/e in the given time, \(
     * e^{-1/\tau} \).
     *
     * @param timeConstant the time constant \(\tau\) in updates, finite and above 0; of other units
     *     by {@link RunSize}
     * @return the schedule
     */
    public static ConstantDecay ofTimeConstant(double timeConstant) {
        Arguments.requirePositive("timeConstant", timeConstant);
        return new ConstantDecay(Math.exp(-1 / timeConstant));
    }

    /**
     * A decay for a run whose length is known, \( 1 - 2 / \sqrt{T} \).
     *
     * <p>The rule is passed on in notes of practitioners; no paper is known that defines it.
     *
     * @param totalSteps the number of updates \(T\), at least 4
     * @return the schedule
     */
    public static ConstantDecay ofRuleOfThumb(long totalSteps) {
        if (totalSteps < 4) {
            throw new IllegalArgumentException("totalSteps must be at least 4, got " + totalSteps);
        }
        return new ConstantDecay(1 - 2 / Math.sqrt((double) totalSteps));
    }

    /**
     * Returns the time in which the share of an update's weights halves, \( -\ln 2 / \ln \beta \).
     *
     * @return the half-life in updates, at least 0
     */
    public double halfLife() {
        return LN2 * timeConstant();
    }

    /**
     * Returns the time in which the share of an update's weights falls to 1/e, \( -1 / \ln \beta
     * \).
     *
     * @return the time constant in updates, at least 0
     */
    public double timeConstant() {
        return -1 / Math.log(decay);
    }

    /**
     * Returns the effective window, \( 1 / (1 - \beta) \), the mean age of the averaged weights
     * when that of the latest ones is 1.
     *
     * @return the window in updates, at least 1
     */
    public double effectiveWindow() {
        return 1 / (1 - decay);
    }

    /**
     * Returns the variance of the average of independent noise as a share of the noise's, \( (1 -
     * \beta) / (1 + \beta) \).
     *
     * @return the share, in (0, 1]
     */
    public double varianceReduction() {
        return (1 - decay) / (1 + decay);
    }

    /**
     * Returns the frequency at which the average has half of the power of the online weights.
     *
     * <p>The average is the first-order low-pass filter \( |H(e^{i\omega})|^2 = (1 - \beta)^2 / (1
     * - 2 \beta \cos\omega + \beta^2) \), which is 1/2 at \( \sin(\omega/2) = (1 - \beta) / (2
     * \sqrt\beta) \). Below a decay of \( 3 - 2\sqrt{2} \), about 0.1716, no frequency loses half
     * of its power.
     *
     * @return the frequency \( \omega / 2\pi \) in cycles per update, in (0, 0.5]
     * @throws IllegalArgumentException if the decay is below \( 3 - 2\sqrt{2} \)
     */
    public double cutoffFrequency() {
        double sine = (1 - decay) / (2 * Math.sqrt(decay));
        if (!(sine <= 1)) {
            throw new IllegalArgumentException(
                    "decay must be in [0.1715728752538099, 1), got " + decay);
        }
        return Math.asin(sine) / Math.PI;
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return decay;
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return Math.pow(decay, (double) (to - from));
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return WeightMath.complementOfExp((double) (to - from) * Math.log(decay));
    }
}
