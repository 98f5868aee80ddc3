// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.Model;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.examples.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Times {@link WeightAverage#update()} for the parameters of a known model. */
final class UpdateBenchmark implements AutoCloseable {

    private static final double DECAY = 0.9998;

    private final Model model;
    private final WeightAverage average;

    UpdateBenchmark(String name) throws IOException {
        JsonObject cases = cases();
        if (!cases.has(name)) {
            throw new UsageException("case must be one of " + cases.keySet() + ", got " + name);
        }
        model = Model.newInstance(name);
        ShapesBlock block = new ShapesBlock(cases.getAsJsonArray(name));
        model.setBlock(block);
        block.initialize(model.getNDManager(), DataType.FLOAT32, new Shape(1));
        average = WeightAverage.of(model, EmaConfig.of(new ConstantDecay(DECAY)));
        average.update();
    }

    private static JsonObject cases() throws IOException {
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
        average.update();
        return System.nanoTime() - begin;
    }

    int tensors() {
        return average.arrays().size();
    }

    long elements() {
        return average.arrays().values().stream().mapToLong(array -> array.size()).sum();
    }

    @Override
    public void close() {
        average.close();
        model.close();
    }
}
