// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The moments and steps of {@link FusedAdamW}. */
record FusedAdamWAccess(FusedAdamW optimizer) implements OptimizerAccess {

    private static final String FIRST = "first_moment";
    private static final String SECOND = "second_moment";

    @Override
    public List<String> kinds() {
        return List.of(FIRST, SECOND);
    }

    @Override
    public int numUpdate() {
        return optimizer.numUpdate();
    }

    @Override
    public void setNumUpdate(int number) {
        optimizer.setNumUpdate(number);
    }

    @Override
    public @Nullable Integer updates(String parameterId) {
        AdamMoments moments = only(parameterId);
        return moments == null ? null : moments.step();
    }

    @Override
    public Map<String, NDArray> arrays(String parameterId) {
        AdamMoments moments = only(parameterId);
        return moments == null ? Map.of() : named(moments);
    }

    private @Nullable AdamMoments only(String parameterId) {
        var replicas = optimizer.moments(parameterId).values();
        if (replicas.size() > 1) {
            throw new IllegalStateException(
                    "devices must be one to save an optimizer, got " + replicas.size());
        }
        return replicas.isEmpty() ? null : replicas.iterator().next();
    }

    private static Map<String, NDArray> named(AdamMoments moments) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put(FIRST, moments.firstMoment());
        arrays.put(SECOND, moments.secondMoment());
        return arrays;
    }

    @Override
    public Map<String, NDArray> begin(String parameterId, NDArray weight, int updates) {
        return named(optimizer.begin(parameterId, weight, updates));
    }

    @Override
    public void forget(String parameterId) {
        optimizer.forget(parameterId);
    }
}
