// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.ModelWeights;
import org.jspecify.annotations.Nullable;

/**
 * A parameter of the online model and how it is averaged. Shared parameters are one.
 *
 * @param name the name in the block, the first one if it is shared
 * @param parameter the online parameter
 * @param selected whether the filters let it be averaged
 * @param schedule the schedule of its group, null if it follows the rule of the average
 */
public record TrackedParameter(
        String name, Parameter parameter, boolean selected, @Nullable DecaySchedule schedule) {

    /** What an update does to a parameter. */
    public enum Rule {
        /** Moves towards the online values. */
        AVERAGE,
        /** Takes the online values. */
        COPY,
        /** Takes the online values if an in-place operation has changed them. */
        COPY_IF_CHANGED,
        /** Leaves the values to the recomputation of running statistics. */
        KEEP
    }

    static TrackedParameter of(String name, Parameter parameter, UpdateSettings settings) {
        return new TrackedParameter(
                name, parameter, settings.selects(name), settings.groupOf(name));
    }

    /**
     * Returns the online weights.
     *
     * @return the array
     */
    public NDArray online() {
        return parameter.getArray();
    }

    /** The type of the average under a precision. */
    DataType averageType(Precision precision) {
        DataType online = online().getDataType();
        if (!online.isFloating()) {
            return online;
        }
        return switch (precision) {
            case ONLINE -> online;
            case FLOAT32 -> ModelWeights.averageType(online);
            case FLOAT64 -> DataType.FLOAT64;
        };
    }

    boolean isStatistics() {
        return isStatistics(parameter);
    }

    /**
     * Tells whether a parameter is a running statistic.
     *
     * @param parameter the parameter
     * @return whether it is a running mean or variance
     */
    public static boolean isStatistics(Parameter parameter) {
        Parameter.Type type = parameter.getType();
        return type == Parameter.Type.RUNNING_MEAN || type == Parameter.Type.RUNNING_VAR;
    }

    /**
     * Returns what an update does to this parameter.
     *
     * @param treatments what happens to what is not trained
     * @return the rule
     */
    public Rule rule(Treatments treatments) {
        boolean averaged = selected && online().getDataType().isFloating();
        if (isStatistics()) {
            return statisticsRule(treatments.statistics(), averaged);
        }
        if (parameter.requiresGradient()) {
            // Not every optimizer raises the version of what it changes.
            return averaged ? Rule.AVERAGE : Rule.COPY;
        }
        Treatment treatment =
                parameter.getType() == Parameter.Type.OTHER
                        ? treatments.otherBuffers()
                        : treatments.frozen();
        return averaged && treatment == Treatment.AVERAGE ? Rule.AVERAGE : Rule.COPY_IF_CHANGED;
    }

    private static Rule statisticsRule(Treatment treatment, boolean averaged) {
        if (treatment == Treatment.RECOMPUTE) {
            return Rule.KEEP;
        }
        return averaged && treatment == Treatment.AVERAGE ? Rule.AVERAGE : Rule.COPY;
    }
}
