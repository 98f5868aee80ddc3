// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;

/**
 * One forward pass.
 *
 * @param store where the weights come from
 * @param training whether the weights are asked for with gradients
 */
record Pass(ParameterStore store, boolean training) {

    /** The weight for the device of an activation, which must have its type. */
    NDArray weight(Parameter parameter, NDArray activation) {
        NDArray weight = store.getValue(parameter, activation.getDevice(), training);
        DataType type = weight.getDataType();
        if (activation.getDataType() != type) {
            throw new IllegalArgumentException(
                    "images and latents must be "
                            + type
                            + ", as the weights are, got "
                            + activation.getDataType()
                            + ": convert them with toType, and scale what was integers");
        }
        return weight;
    }
}
