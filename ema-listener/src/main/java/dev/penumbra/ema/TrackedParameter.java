// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;

/**
 * A parameter of the online model and its average. Shared parameters are one.
 *
 * @param name the name in the block, the first one if it is shared
 * @param parameter the online parameter
 * @param selected whether the filters let it be averaged
 * @param average the averaged values; same shape, at least float32 if it is a floating-point array
 */
record TrackedParameter(String name, Parameter parameter, boolean selected, NDArray average) {

    /** What an update does to a parameter. */
    enum Rule {
        /** Moves towards the online values. */
        AVERAGE,
        /** Takes the online values. */
        COPY,
        /** Takes the online values if an in-place operation has changed them. */
        COPY_IF_CHANGED
    }

    static TrackedParameter of(
            String name, Parameter parameter, EmaConfig config, NDManager manager) {
        NDArray online = parameter.getArray();
        Device device = config.device() == null ? online.getDevice() : config.device();
        NDArray average =
                manager.create(online.getShape(), averageType(online.getDataType()), device);
        return new TrackedParameter(name, parameter, config.selects(name), average);
    }

    /** Half-precision weights move by less than their rounding, so they are averaged in float32. */
    private static DataType averageType(DataType online) {
        return online == DataType.FLOAT16 || online == DataType.BFLOAT16
                ? DataType.FLOAT32
                : online;
    }

    Rule rule(EmaConfig.Buffers buffers) {
        Parameter.Type type = parameter.getType();
        boolean floating = average.getDataType().isFloating();
        if (type == Parameter.Type.RUNNING_MEAN || type == Parameter.Type.RUNNING_VAR) {
            boolean averaged = selected && floating && buffers == EmaConfig.Buffers.AVERAGE;
            return averaged ? Rule.AVERAGE : Rule.COPY;
        }
        return selected && floating && parameter.requiresGradient()
                ? Rule.AVERAGE
                : Rule.COPY_IF_CHANGED;
    }

    /** Tells whether the average lives in the type and on the device of the online values. */
    boolean matchesOnline() {
        NDArray online = parameter.getArray();
        return online.getDataType() == average.getDataType()
                && online.getDevice().equals(average.getDevice());
    }
}
