// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import dev.penumbra.ema.schedule.PowerFunction;
import java.util.List;

/**
 * Power function profiles in continuous time, as published: the limit of {@link Combination} for
 * many steps between the snapshots. Use it for snapshots of programs that solve in this way.
 *
 * @see <a href="https://arxiv.org/abs/2312.02696">Karras et al. (2024), Analyzing and Improving the
 *     Training Dynamics of Diffusion Models</a>, section 3.1 and appendix C
 */
public final class PowerFunctionProfiles {

    private PowerFunctionProfiles() {}

    /*
     * A power function average at time s has the profile p(u) = (g + 1) u^g / s^(g + 1) for u in
     * [0, s] and 0 beyond. For s <= t, with u = s v,
     *
     *     integral of p(u; g, s) p(u; h, t) over [0, s]
     *         = (g + 1) (h + 1) / t * (s / t)^h * integral of v^(g + h) over [0, 1]
     *         = (g + 1) (h + 1) / ((g + h + 1) t) * (s / t)^h.
     *
     * Beyond s the first profile is 0, so this is the whole inner product; for s > t the two change
     * places.
     */

    /**
     * Returns the inner product \( \int p(u) q(u) \, du \) of two profiles.
     *
     * @param first the one profile; its schedule is a power function
     * @param second the other profile; its schedule is a power function
     * @return the inner product, above 0 unless it underflows
     * @throws IllegalArgumentException if a schedule is another one
     */
    public static double innerProduct(AverageProfile first, AverageProfile second) {
        boolean ordered = first.step() <= second.step();
        AverageProfile early = ordered ? first : second;
        AverageProfile late = ordered ? second : first;
        double g = exponent(early);
        double h = exponent(late);
        double power = Math.pow((double) early.step() / late.step(), h);
        return (g + 1) * (h + 1) / ((g + h + 1) * late.step()) * power;
    }

    private static double exponent(AverageProfile profile) {
        if (profile.schedule() instanceof PowerFunction function) {
            return function.exponent();
        }
        throw new IllegalArgumentException(
                "schedule must be a PowerFunction, got " + profile.schedule());
    }

    /**
     * Returns the coefficients of least squares, scaled to the sum 1.
     *
     * @param inputs the profiles of the averages to combine, at least one
     * @param target the profile to come close to
     * @return the coefficient of each input; 0 for inputs after the target's step
     * @throws IllegalArgumentException if a schedule is no power function, there are no inputs or
     *     the target's step is before the first or after the last of them
     */
    public static List<Double> coefficients(List<AverageProfile> inputs, AverageProfile target) {
        Combination.requireWithin(inputs, target);
        List<AverageProfile> used = Combination.upTo(inputs, target);
        double[][] matrix = new double[used.size()][used.size()];
        double[] right = new double[used.size()];
        for (int i = 0; i < right.length; i++) {
            right[i] = innerProduct(used.get(i), target);
            for (int j = 0; j < right.length; j++) {
                matrix[i][j] = innerProduct(used.get(i), used.get(j));
            }
        }
        return Combination.spread(inputs, target, Combination.solve(matrix, right));
    }
}
