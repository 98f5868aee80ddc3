// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The weights of one step of one average: how far each parameter moves. */
public final class StepWeights {

    private final double common;
    private final double @Nullable [] each;

    private StepWeights(double common, double @Nullable [] each) {
        this.common = common;
        this.each = each;
    }

    /**
     * Weights that are the same for all parameters.
     *
     * @param weight the weight, in [0, 1] or NaN
     * @return the weights
     */
    public static StepWeights same(double weight) {
        return new StepWeights(weight, null);
    }

    /**
     * Weights that differ from parameter to parameter.
     *
     * @param common the weight of the average's own rule, in [0, 1]
     * @param each the weight of each parameter, in the order of the parameters
     * @return the weights
     */
    public static StepWeights of(double common, double... each) {
        return new StepWeights(common, each.clone());
    }

    /**
     * Returns these weights with those of other schedules for some parameters.
     *
     * @param step the step
     * @param schedules the schedule of each parameter, null where it has none of its own
     * @return the weights
     */
    public StepWeights with(long step, List<@Nullable DecaySchedule> schedules) {
        double[] mixed = new double[schedules.size()];
        for (int i = 0; i < mixed.length; i++) {
            DecaySchedule schedule = schedules.get(i);
            mixed[i] = schedule == null ? of(i) : schedule.weightAt(step);
        }
        return new StepWeights(common, mixed);
    }

    /**
     * Returns the weight of the average's own rule.
     *
     * @return the weight
     */
    public double common() {
        return common;
    }

    /**
     * Tells whether all parameters move by the common weight.
     *
     * @return whether they do
     */
    public boolean isUniform() {
        return each == null;
    }

    /**
     * Returns the weight of a parameter.
     *
     * @param parameter the place of the parameter
     * @return the weight
     */
    public double of(int parameter) {
        return each == null ? common : each[parameter];
    }

    /**
     * Tells whether any parameter moves.
     *
     * @return whether one does
     */
    public boolean isActive() {
        return each == null ? common != 0 : Arrays.stream(each).anyMatch(weight -> weight != 0);
    }

    /**
     * Tells whether all weights are numbers.
     *
     * @return whether they are
     */
    public boolean isFinite() {
        return each == null
                ? Double.isFinite(common)
                : Arrays.stream(each).allMatch(Double::isFinite);
    }
}
