// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.LibrarySchedules;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What diffusers' {@code EMAModel} leaves in the {@code config.json} of a network.
 *
 * @param step {@code optimization_step}
 * @param schedule the decays at each step
 */
record EmaModelConfig(long step, DecaySchedule schedule) {

    private static final Gson GSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();

    /** The entries of a file, and what is wrong with them. */
    private static final class Entries {
        private final JsonObject json;
        private final List<String> problems = new ArrayList<>();

        Entries(JsonObject json) {
            this.json = json;
        }

        private @Nullable JsonPrimitive primitive(String name) {
            return json.get(name) instanceof JsonPrimitive primitive ? primitive : null;
        }

        private void reject(String name, String rule) {
            JsonElement got = json.get(name);
            problems.add(name + " must be " + rule + ", got " + (got == null ? "none" : got));
        }

        double number(String name) {
            JsonPrimitive primitive = primitive(name);
            if (primitive == null || !primitive.isNumber()) {
                reject(name, "a number");
                return 0;
            }
            return primitive.getAsDouble();
        }

        long count(String name) {
            JsonPrimitive primitive = primitive(name);
            if (primitive == null
                    || !primitive.isNumber()
                    || !primitive.getAsString().matches("[0-9]{1,18}")) {
                reject(name, "a whole number, at least 0");
                return 0;
            }
            return primitive.getAsLong();
        }

        boolean truth(String name) {
            JsonPrimitive primitive = primitive(name);
            if (primitive == null || !primitive.isBoolean()) {
                reject(name, "true or false");
                return false;
            }
            return primitive.getAsBoolean();
        }
    }

    static EmaModelConfig read(Path file) throws IOException {
        Entries entries = new Entries(parse(file));
        double decay = entries.number("decay");
        double minDecay = entries.number("min_decay");
        long step = entries.count("optimization_step");
        long after = entries.count("update_after_step");
        boolean warmup = entries.truth("use_ema_warmup");
        double gamma = entries.number("inv_gamma");
        double power = entries.number("power");
        if (!entries.problems.isEmpty()) {
            throw failure(file, String.join("; ", entries.problems), null);
        }
        try {
            return new EmaModelConfig(
                    step, LibrarySchedules.diffusers(decay, minDecay, after, warmup, gamma, power));
        } catch (IllegalArgumentException e) {
            throw failure(file, e.getMessage(), e);
        }
    }

    private static JsonObject parse(Path file) throws IOException {
        try {
            JsonElement json = GSON.fromJson(Files.readString(file), JsonElement.class);
            if (json instanceof JsonObject object) {
                return object;
            }
            throw failure(file, "it must be a JSON object, got " + json, null);
        } catch (JsonParseException e) {
            throw failure(file, "it must be a JSON object", e);
        }
    }

    private static IOException failure(
            Path file, @Nullable String problem, @Nullable Throwable cause) {
        return new IOException("Cannot read " + file + ": " + problem, cause);
    }
}
