// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.examples.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Times {@link WeightAverages#update()} for the parameters of a known model. */
final class UpdateBenchmark implements AutoCloseable {

    private static final double DECAY = 0.9998;
    private static final double DECAY_STEP = 0.0001;

    /** What is timed. */
    enum Variant {
        /** One average without a guard, the work of other libraries. */
        UPDATE(1, false, NonFinite.OFF),
        /** One average behind the guard against values that are not finite. */
        GUARDED(1, false, NonFinite.SKIP),
        /** Four averages moved together. */
        TOGETHER(4, false, NonFinite.OFF),
        /** Four averages that know nothing of each other. */
        SEPARATE(4, true, NonFinite.OFF);

        private final int count;
        private final boolean separate;
        private final NonFinite nonFinite;

        Variant(int count, boolean separate, NonFinite nonFinite) {
            this.count = count;
            this.separate = separate;
            this.nonFinite = nonFinite;
        }
    }

    private final Model model;
    private final List<WeightAverages> averages = new ArrayList<>();

    UpdateBenchmark(String name, Variant variant) throws IOException {
        JsonObject cases = cases();
        if (!cases.has(name)) {
            throw new UsageException("case must be one of " + cases.keySet() + ", got " + name);
        }
        model = Model.newInstance(name);
        ShapesBlock block = new ShapesBlock(cases.getAsJsonArray(name));
        model.setBlock(block);
        block.initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1));
        Map<String, AveragingRule> rules = new LinkedHashMap<>();
        for (int i = 0; i < variant.count; i++) {
            rules.put("average" + i, new ConstantDecay(DECAY - i * DECAY_STEP));
        }
        if (variant.separate) {
            rules.values().forEach(rule -> averages.add(averages(EmaConfig.of(rule), variant)));
        } else {
            averages.add(averages(EmaConfig.of(rules), variant));
        }
        update();
    }

    private WeightAverages averages(EmaConfig config, Variant variant) {
        return WeightAverages.of(model, config.toBuilder().optNonFinite(variant.nonFinite).build());
    }

    static JsonObject cases() throws IOException {
        try (InputStream in = UpdateBenchmark.class.getResourceAsStream("model_shapes.json")) {
            return JsonParser.parseReader(
                            new InputStreamReader(
                                    Objects.requireNonNull(in), StandardCharsets.UTF_8))
                    .getAsJsonObject();
        }
    }

    /** Updates once and returns the time in nanoseconds. */
    long update() {
        long begin = System.nanoTime();
        averages.forEach(WeightAverages::update);
        return System.nanoTime() - begin;
    }

    int tensors() {
        return arrays().size();
    }

    long elements() {
        return arrays().values().stream().mapToLong(array -> array.size()).sum();
    }

    private Map<String, NDArray> arrays() {
        return averages.get(0).main().arrays();
    }

    @Override
    public void close() {
        averages.forEach(WeightAverages::close);
        model.close();
    }
}
