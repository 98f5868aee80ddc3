// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.TensorInfo;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Several parts as one, whose names begin with those of the parts. */
record JointState(Map<String, Stateful> parts) implements Stateful {

    /** Copies the parts and checks their names. */
    JointState {
        parts = Collections.unmodifiableMap(new LinkedHashMap<>(parts));
        for (String name : parts.keySet()) {
            if (name.isEmpty() || name.contains("/")) {
                throw new IllegalArgumentException(
                        "the name of a part must not be empty or contain '/', got '" + name + "'");
            }
        }
    }

    @Override
    public State state() {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        Map<String, String> values = new LinkedHashMap<>();
        parts.forEach(
                (name, part) -> {
                    State state = part.state();
                    state.arrays().forEach((key, array) -> arrays.put(name + "/" + key, array));
                    state.values().forEach((key, value) -> values.put(name + "/" + key, value));
                });
        return new State(arrays, values);
    }

    @Override
    public List<String> differences(SavedState saved) {
        List<String> all = new ArrayList<>();
        parts.forEach(
                (name, part) ->
                        part.differences(new Share(name + "/", saved))
                                .forEach(difference -> all.add(name + ": " + difference)));
        return all;
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        for (Map.Entry<String, Stateful> part : parts.entrySet()) {
            part.getValue().restore(new Share(part.getKey() + "/", saved));
        }
    }

    /** What one part has saved. */
    private record Share(String prefix, SavedState all) implements SavedState {

        @Override
        public Map<String, TensorInfo> tensors() {
            return within(all.tensors());
        }

        @Override
        public Map<String, String> values() {
            return within(all.values());
        }

        private <T> Map<String, T> within(Map<String, T> everything) {
            Map<String, T> own = new LinkedHashMap<>();
            everything.forEach(
                    (name, value) -> {
                        if (name.startsWith(prefix)) {
                            own.put(name.substring(prefix.length()), value);
                        }
                    });
            return own;
        }

        @Override
        public void readInto(String name, NDArray target) throws IOException {
            all.readInto(prefix + name, target);
        }
    }
}
