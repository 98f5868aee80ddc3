// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;

/**
 * One forward pass.
 *
 * @param store where the weights come from
 * @param training whether the weights are asked for with gradients
 */
record Pass(ParameterStore store, boolean training) {

    /** The weight for the device of an activation. */
    NDArray weight(Parameter parameter, NDArray activation) {
        return store.getValue(parameter, activation.getDevice(), training);
    }
}
