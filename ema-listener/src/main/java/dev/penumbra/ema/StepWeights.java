// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.GradientAdaptive;
import dev.penumbra.ema.schedule.LayerwiseGradient;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The weights of one step of one average: how far each parameter moves. */
final class StepWeights {

    private final double common;
    private final double @Nullable [] each;

    /**
     * Holds the weights.
     *
     * @param common the weight of the average's own rule, in [0, 1]
     * @param each the weight of each parameter; null if all have the common one
     */
    private StepWeights(double common, double @Nullable [] each) {
        this.common = common;
        this.each = each;
    }

    /**
     * Computes the weights.
     *
     * @param grouped whether a parameter may have a schedule of its own
     */
    static StepWeights of(
            AveragingRule rule,
            long step,
            List<TrackedParameter> parameters,
            boolean grouped,
            @Nullable GradientNorms norms) {
        StepWeights weights = ofRule(rule, step, parameters, norms);
        if (!grouped) {
            return weights;
        }
        double[] each = new double[parameters.size()];
        for (int i = 0; i < each.length; i++) {
            DecaySchedule schedule = parameters.get(i).schedule();
            each[i] = schedule == null ? weights.of(i) : schedule.weightAt(step);
        }
        return new StepWeights(weights.common, each);
    }

    private static StepWeights ofRule(
            AveragingRule rule,
            long step,
            List<TrackedParameter> parameters,
            @Nullable GradientNorms norms) {
        if (rule instanceof DecaySchedule schedule) {
            return new StepWeights(schedule.weightAt(step), null);
        }
        if (norms == null) {
            throw new IllegalStateException(
                    "No gradients were observed for step "
                            + step
                            + ": call observeGradients() between backward and step");
        }
        if (!Double.isFinite(norms.total())) {
            return new StepWeights(Double.NaN, null);
        }
        if (rule instanceof GradientAdaptive adaptive) {
            return new StepWeights(adaptive.weightFor(norms.total()), null);
        }
        LayerwiseGradient layerwise = (LayerwiseGradient) rule;
        double common = layerwise.schedule().weightAt(step);
        return new StepWeights(common, layerwise.weightsFor(step, norms.each(parameters)));
    }

    /** The weight of the average's own rule. */
    double common() {
        return common;
    }

    /** Tells whether all parameters move by the common weight. */
    boolean isUniform() {
        return each == null;
    }

    /** The weight of a parameter. */
    double of(int parameter) {
        return each == null ? common : each[parameter];
    }

    /** Tells whether any parameter moves. */
    boolean isActive() {
        return each == null ? common != 0 : Arrays.stream(each).anyMatch(weight -> weight != 0);
    }

    boolean isFinite() {
        return each == null
                ? Double.isFinite(common)
                : Arrays.stream(each).allMatch(Double::isFinite);
    }
}
