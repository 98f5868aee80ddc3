// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.update.internal.AveragedSet;
import dev.penumbra.ema.update.internal.TrackedParameter;
import dev.penumbra.safetensors.TensorInfo;
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
 * The state of all averages of a model: averaged values, carried rounding errors, counters, and the
 * settings, which must be the same when it is restored.
 *
 * <p>An array is named by its average and its parameter. Where the averages live is no part of the
 * state.
 */
final class AveragesState implements Stateful {

    private static final String STEP = "step";
    private static final String SKIPPED = "skipped_steps";
    private static final String CARRY = "/carry";
    private static final String RULE = "/rule";

    private final WeightAverages averages;

    /** A saved state with its rules as they are written now: types had other names before. */
    private record CurrentNames(SavedState saved, Map<String, String> values)
            implements SavedState {

        static CurrentNames of(SavedState saved) {
            Map<String, String> values = new LinkedHashMap<>(saved.values());
            values.replaceAll((name, value) -> name.endsWith(RULE) ? written(value) : value);
            return new CurrentNames(saved, values);
        }

        private static String written(String rule) {
            try {
                return AveragingRule.fromJson(rule).toJson();
            } catch (IllegalArgumentException e) {
                return rule; // which differs from every rule
            }
        }

        @Override
        public Map<String, TensorInfo> tensors() {
            return saved.tensors();
        }

        @Override
        public void readInto(String name, NDArray target) throws IOException {
            saved.readInto(name, target);
        }
    }

    AveragesState(WeightAverages averages) {
        this.averages = averages;
    }

    @Override
    public State state() {
        averages.requireUsable();
        Map<String, String> values = settings();
        values.put(STEP, Long.toString(averages.step()));
        values.put(SKIPPED, Long.toString(averages.skippedSteps()));
        for (String name : averages.names()) {
            averages.get(name).progress().forEach((key, v) -> values.put(name + "/" + key, v));
        }
        return new State(arrays(), values);
    }

    private Map<String, NDArray> arrays() {
        List<TrackedParameter> parameters = averages.parameters().current();
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        int index = 0;
        for (String average : averages.names()) {
            AveragedSet set = averages.parameters().sets().get(index++);
            for (int i = 0; i < parameters.size(); i++) {
                String name = average + "/" + parameters.get(i).name();
                arrays.put(name, set.arrays().get(i));
                if (!set.carries().isEmpty()) {
                    arrays.put(name + CARRY, set.carries().get(i));
                }
            }
        }
        return arrays;
    }

    private Map<String, String> settings() {
        EmaConfig config = averages.config();
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("averages", String.join(" ", config.rules().keySet()));
        config.rules().forEach((name, rule) -> settings.put(name + RULE, rule.toJson()));
        settings.put("groups", config.groups().toString());
        settings.put("treatments", config.treatments().toString());
        settings.put("include", config.include().toString());
        settings.put("exclude", config.exclude().toString());
        settings.put("precision", config.precision().name());
        settings.put("arithmetic", config.arithmetic().name());
        settings.put("non_finite", config.nonFinite().name());
        settings.put("write_back", String.valueOf(config.writeBack()));
        return settings;
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(CurrentNames.of(saved));
        settings().forEach(check::value);
        check.count(STEP).count(SKIPPED);
        for (String name : averages.names()) {
            WeightAverage.checkProgress(name + "/", check);
        }
        arrays().forEach(check::array);
        return check.end();
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        averages.requireUsable();
        for (Map.Entry<String, NDArray> array : arrays().entrySet()) {
            saved.readInto(array.getKey(), array.getValue());
        }
        averages.setSteps(
                Long.parseLong(Objects.requireNonNull(saved.values().get(STEP))),
                Long.parseLong(Objects.requireNonNull(saved.values().get(SKIPPED))));
        for (String name : averages.names()) {
            averages.get(name).setProgress(name + "/", saved.values());
        }
    }
}
