// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The power function profile, whose averaging window grows in proportion to the run.
 *
 * <p>\[ \beta_t = (1 - 1/t)^{\gamma + 1} \]
 *
 * <p>After \(T\) steps the weights of step \(t\) have a share proportional to \(t^\gamma\). The
 * relative width is the standard deviation of that profile as a share of the run,
 *
 * <p>\[ \sigma = \sqrt{\frac{\gamma + 1}{(\gamma + 2)^2 (\gamma + 3)}} \]
 *
 * @param exponent the profile's exponent \(\gamma\), finite and at least 0; 0 gives the arithmetic
 *     mean
 * @see <a href="https://arxiv.org/abs/2312.02696">Karras et al. (2024), Analyzing and Improving the
 *     Training Dynamics of Diffusion Models</a>, section 3 and appendix C
 */
public record PowerFunction(double exponent) implements DecaySchedule {

    /** Checks the exponent. */
    public PowerFunction {
        Arguments.requireAtLeast("exponent", 0, exponent);
    }

    /**
     * The profile with a relative width.
     *
     * @param width the relative width \(\sigma\), above 0 and below \(1/\sqrt{12}\), which is the
     *     arithmetic mean's
     * @return the schedule
     */
    public static PowerFunction ofRelativeWidth(double width) {
        if (!(width > 0 && width * width < 1.0 / 12)) {
            throw new IllegalArgumentException(
                    "width must be in (0, 0.28867513459481287), got " + width);
        }
        return new PowerFunction(exponentOf(width));
    }

    /*
     * With x = gamma + 2 the width's definition is x^3 + x^2 - s x + s = 0 where s = 1 / width^2.
     * Its greatest root, by Viete's cosine, is within rounding of the answer, and one step of
     * Newton's method on log(width) removes what the subtraction of 2 has lost.
     */
    private static double exponentOf(double width) {
        double s = 1 / (width * width);
        double p = s + 1.0 / 3;
        double q = 2.0 / 27 + s * 4 / 3;
        double radius = 2 * Math.sqrt(p / 3);
        double angle = Math.acos(Math.max(-1, -3 * q / (p * radius)));
        double exponent = Math.max(0, radius * Math.cos(angle / 3) - 7.0 / 3);
        double error = 2 * Math.log(new PowerFunction(exponent).relativeWidth() / width);
        double slope = 1 / (exponent + 1) - 2 / (exponent + 2) - 1 / (exponent + 3);
        return Math.max(0, exponent - error / slope);
    }

    /**
     * Returns the relative width.
     *
     * @return the standard deviation of the profile as a share of the run
     */
    public double relativeWidth() {
        return Math.sqrt((exponent + 1) / (exponent + 3)) / (exponent + 2);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= 1 ? 0 : Math.pow(1 - 1.0 / step, exponent + 1);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        return step <= 1 ? 1 : weightOver(step - 1, step);
    }

    @Override
    public double decayOver(long from, long to) {
        WeightMath.requireRange(from, to);
        return Math.pow((double) from / to, exponent + 1);
    }

    @Override
    public double weightOver(long from, long to) {
        WeightMath.requireRange(from, to);
        double grown = (double) (to - from) / to;
        return WeightMath.complementOfExp((exponent + 1) * Math.log1p(-grown));
    }
}
