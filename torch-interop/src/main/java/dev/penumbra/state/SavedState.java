// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.TensorInfo;
import java.io.IOException;
import java.util.Map;

/** A {@link State} that was saved. Arrays are read when they are asked for. */
public interface SavedState {

    /**
     * Returns what is known of the arrays.
     *
     * @return the kinds of the arrays, by name
     */
    Map<String, TensorInfo> tensors();

    /**
     * Returns everything else.
     *
     * @return the values, by name
     */
    Map<String, String> values();

    /**
     * Reads an array in place.
     *
     * @param name the name of the array
     * @param target the array that takes the values; same shape and type
     * @throws IOException if it cannot be read
     */
    void readInto(String name, NDArray target) throws IOException;
}
