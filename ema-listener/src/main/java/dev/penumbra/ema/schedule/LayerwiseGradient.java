// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A decay for each layer that follows the layer's share of the gradient.
 *
 * <p>\[ \beta_l = \beta_t \exp\left(-\frac{\lVert g_l \rVert}{\sum_j \lVert g_j \rVert}\right) \]
 *
 * <p>where \(\beta_t\) is a schedule's. Without any gradient every share is 0. The formula, with a
 * constant \(\beta_0\), is passed on in notes of practitioners; no paper is known that defines it.
 *
 * @param schedule the decay of a layer without gradient
 */
public record LayerwiseGradient(DecaySchedule schedule) implements AveragingRule {

    /** Checks the schedule. */
    public LayerwiseGradient {
        Objects.requireNonNull(schedule, "schedule");
    }

    @Override
    public StepWeights weightsAt(long step, @Nullable GradientNorms norms) {
        GradientNorms observed = GradientNorms.require(norms, step);
        return Double.isFinite(observed.total())
                ? StepWeights.of(schedule.weightAt(step), weightsFor(step, observed.each()))
                : StepWeights.same(Double.NaN);
    }

    /**
     * Returns the share of the average that each layer keeps.
     *
     * @param step as in {@link DecaySchedule#decayAt}
     * @param gradientNorms the L2 norm of each layer's gradient, finite and at least 0
     * @return the decays in the same order, in [0, 1]
     */
    public double[] decaysFor(long step, double[] gradientNorms) {
        double decay = schedule.decayAt(step);
        double[] values = shares(gradientNorms);
        for (int i = 0; i < values.length; i++) {
            values[i] = decay * Math.exp(-values[i]);
        }
        return values;
    }

    /**
     * Returns the share of the online weights that enters each layer's average.
     *
     * @param step as in {@link DecaySchedule#decayAt}
     * @param gradientNorms as in {@link #decaysFor}
     * @return the weights in the same order, in [0, 1]
     */
    public double[] weightsFor(long step, double[] gradientNorms) {
        double weight = schedule.weightAt(step);
        double[] values = shares(gradientNorms);
        for (int i = 0; i < values.length; i++) {
            values[i] = Shares.weightOfBoth(weight, Shares.complementOfExp(-values[i]));
        }
        return values;
    }

    /** Each norm divided by the sum of all; the greatest is divided out first against overflow. */
    private static double[] shares(double[] norms) {
        double greatest = 0;
        for (double norm : norms) {
            Arguments.requireAtLeast("gradientNorms", 0, norm);
            greatest = Math.max(greatest, norm);
        }
        double[] shares = new double[norms.length];
        if (greatest == 0) {
            return shares;
        }
        double sum = 0;
        for (int i = 0; i < norms.length; i++) {
            shares[i] = norms[i] / greatest;
            sum += shares[i];
        }
        for (int i = 0; i < norms.length; i++) {
            shares[i] /= sum;
        }
        return shares;
    }
}
