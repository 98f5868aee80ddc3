// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import ai.djl.ndarray.NDArray;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a part of a training consists of at one moment.
 *
 * @param arrays arrays by name; they stay their owner's and hold these values until its next change
 * @param values everything else as text, by name
 */
public record State(Map<String, NDArray> arrays, Map<String, String> values) {

    /** Copies the maps; their order is kept. */
    public State {
        arrays = Collections.unmodifiableMap(new LinkedHashMap<>(arrays));
        values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
    }

    /**
     * The state of a part without arrays.
     *
     * @param values the values by name
     * @return the state
     */
    public static State of(Map<String, String> values) {
        return new State(Map.of(), values);
    }
}
