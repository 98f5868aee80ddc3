// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.internal.script.NamedParameters;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The snapshots of a {@link LatestWeightAveraging}, the oldest first.
 *
 * @param average the average
 * @param model the model whose weights it averages, with initialized parameters
 */
record LatestWeightAveragingState(LatestWeightAveraging average, Model model) implements Stateful {

    private static final String CAPACITY = "capacity";
    private static final String EVERY = "every";
    private static final String SIZE = "size";
    private static final String SKIPPED = "skipped_snapshots";

    @Override
    public State state() {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        int number = 0;
        for (ModelWeights snapshot : average.snapshots()) {
            String prefix = number++ + "/";
            snapshot.arrays().forEach((name, array) -> arrays.put(prefix + name, array));
        }
        Map<String, String> values = new LinkedHashMap<>();
        values.put(CAPACITY, Integer.toString(average.capacity()));
        values.put(EVERY, Long.toString(average.every()));
        values.put(SIZE, Integer.toString(average.size()));
        values.put(SKIPPED, Long.toString(average.skippedSnapshots()));
        return new State(arrays, values);
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved);
        check.value(CAPACITY, Integer.toString(average.capacity()));
        check.value(EVERY, Long.toString(average.every()));
        check.text(SIZE, "[0-9]{1,9}", "a whole number, at least 0").count(SKIPPED);
        String size = saved.values().getOrDefault(SIZE, "0");
        int count = size.matches("[0-9]{1,9}") ? Integer.parseInt(size) : 0;
        if (count > average.capacity()) {
            return check.add(SIZE + " must be at most " + average.capacity() + ", got " + count)
                    .end();
        }
        for (int i = 0; i < count; i++) {
            String prefix = i + "/";
            NamedParameters.of(model.getBlock())
                    .forEach((name, p) -> check.array(prefix + name, p.getArray()));
        }
        return check.end();
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        int size = Integer.parseInt(Objects.requireNonNull(saved.values().get(SIZE)));
        average.restart(Long.parseLong(Objects.requireNonNull(saved.values().get(SKIPPED))));
        for (int i = 0; i < size; i++) {
            ModelWeights snapshot = ModelWeights.copyOf(model);
            average.snapshots().add(snapshot);
            for (Map.Entry<String, NDArray> array : snapshot.arrays().entrySet()) {
                saved.readInto(i + "/" + array.getKey(), array.getValue());
            }
        }
    }
}
