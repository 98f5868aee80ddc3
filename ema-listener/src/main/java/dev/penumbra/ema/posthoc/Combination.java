// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static java.util.Comparator.comparingLong;

import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.internal.operator.LinearAlgebra;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * The linear combination of given averages that comes closest to another average.
 *
 * <p>An average is a weighted sum of the weights of all steps, so a combination of averages with
 * the coefficients \( x_i \) has the profile \( \sum_i x_i p_i \). The coefficients are those of
 * least squares between that and the target's profile \( q \), scaled to the sum 1:
 *
 * <p>\[ A x = b, \qquad A_{ij} = \langle p_i, p_j \rangle, \quad b_i = \langle p_i, q \rangle,
 * \qquad \sum_i x_i = 1 \]
 *
 * <p>Profiles are the exact shares of all steps under the schedules, not their continuous limits,
 * so any schedules can be combined, also those that are updated every n-th step. A target without
 * an interval of its own is taken at the finest interval of the inputs, because between their
 * updates nothing is known. No weights are needed: a plan can be checked before the training.
 *
 * @param inputs the profiles of the averages that are combined
 * @param target the profile to come close to
 * @param coefficients the coefficient of each input; 0 for inputs after the target's step
 * @param error the distance \( \lVert \sum_i x_i p_i - q \rVert / \lVert q \rVert \) of the
 *     profiles, at least 0, exact to about 1e-7. If the online weights are independent noise around
 *     a constant, this is the deviation of the synthesized from the target average as a share of
 *     the target's own deviation from the constant. Up to 0.01 the two are the same for any
 *     practical purpose, up to {@value #GOOD_ERROR} close; above that, use targets nearer to the
 *     tracked averages or more snapshots
 * @see <a href="https://arxiv.org/abs/2312.02696">Karras et al. (2024), Analyzing and Improving the
 *     Training Dynamics of Diffusion Models</a>, appendix C
 */
public record Combination(
        List<AverageProfile> inputs,
        AverageProfile target,
        List<Double> coefficients,
        double error) {

    /** The greatest error of a good combination. */
    public static final double GOOD_ERROR = 0.1;

    /** Below the square root of it, rounding decides about directions. */
    private static final double CUTOFF = 1e-13;

    /** Copies the lists. */
    public Combination {
        inputs = List.copyOf(inputs);
        coefficients = List.copyOf(coefficients);
    }

    /**
     * Finds the best coefficients.
     *
     * @param inputs the profiles of the averages to combine, at least one; those after the target's
     *     step are left out
     * @param target the profile to come close to
     * @return the combination
     * @throws IllegalArgumentException if there are no inputs or the target's step is before the
     *     first or after the last of them
     */
    public static Combination of(List<AverageProfile> inputs, AverageProfile target) {
        requireWithin(inputs, target);
        List<AverageProfile> profiles = new ArrayList<>(upTo(inputs, target));
        int count = profiles.size();
        profiles.add(sampledAs(inputs, target));
        double[][] products = InnerProducts.of(profiles);
        double[][] matrix = new double[count][];
        double[] right = new double[count];
        for (int i = 0; i < count; i++) {
            matrix[i] = Arrays.copyOf(products[i], count);
            right[i] = products[i][count];
        }
        double[] solution = solve(matrix, right);
        double error = error(matrix, right, products[count][count], solution);
        return new Combination(inputs, target, spread(inputs, target, solution), error);
    }

    static void requireWithin(List<AverageProfile> inputs, AverageProfile target) {
        if (inputs.isEmpty()) {
            throw new IllegalArgumentException("inputs must have at least one profile, got none");
        }
        long first = inputs.stream().mapToLong(AverageProfile::step).min().orElseThrow();
        long last = inputs.stream().mapToLong(AverageProfile::step).max().orElseThrow();
        if (target.step() < first || target.step() > last) {
            throw new IllegalArgumentException(
                    "step must be in ["
                            + first
                            + ", "
                            + last
                            + "], between the first and the last snapshot, got "
                            + target.step());
        }
    }

    static List<AverageProfile> upTo(List<AverageProfile> inputs, AverageProfile target) {
        return inputs.stream().filter(input -> input.step() <= target.step()).toList();
    }

    /** The solutions by input, with 0 for those that are too late. */
    static List<Double> spread(
            List<AverageProfile> inputs, AverageProfile target, double[] solution) {
        List<Double> coefficients = new ArrayList<>();
        int next = 0;
        for (AverageProfile input : inputs) {
            coefficients.add(input.step() <= target.step() ? solution[next++] : 0);
        }
        return coefficients;
    }

    private static AverageProfile sampledAs(List<AverageProfile> inputs, AverageProfile target) {
        if (target.schedule().updates().isPresent()) {
            return target;
        }
        List<StepInterval> intervals =
                inputs.stream().flatMap(input -> input.schedule().updates().stream()).toList();
        if (intervals.size() < inputs.size()) {
            return target;
        }
        StepInterval finest = Collections.min(intervals, comparingLong(StepInterval::every));
        return new AverageProfile(target.schedule().every(finest), target.step());
    }

    /** Solves with profiles of unit length, which are conditioned best, and scales to the sum 1. */
    static double[] solve(double[][] matrix, double[] right) {
        int count = right.length;
        double[][] unit = new double[count][count];
        double[] scaled = new double[count];
        for (int i = 0; i < count; i++) {
            double length = Math.sqrt(matrix[i][i]);
            scaled[i] = right[i] / length;
            for (int j = 0; j < count; j++) {
                unit[i][j] = matrix[i][j] / (length * Math.sqrt(matrix[j][j]));
            }
        }
        double[] solution = LinearAlgebra.leastSquares(unit, scaled, CUTOFF);
        for (int i = 0; i < count; i++) {
            solution[i] /= Math.sqrt(matrix[i][i]);
        }
        double sum = Arrays.stream(solution).sum();
        return Arrays.stream(solution).map(x -> x / sum).toArray();
    }

    private static double error(
            double[][] matrix, double[] right, double target, double[] solution) {
        double square = target;
        for (int i = 0; i < solution.length; i++) {
            double row = -2 * right[i];
            for (int j = 0; j < solution.length; j++) {
                row += matrix[i][j] * solution[j];
            }
            square += solution[i] * row;
        }
        return Math.sqrt(Math.max(0, square) / target);
    }

    /**
     * Returns how much rounding errors of the inputs are amplified at most.
     *
     * @return the sum of the absolute values of the coefficients, at least 1
     */
    public double amplification() {
        return coefficients.stream().mapToDouble(Math::abs).sum();
    }
}
