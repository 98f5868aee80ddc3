// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * {@link CheckpointInfo} as JSON. Every number is a text, as Java writes it, so that nothing is
 * rounded and NaN has a place.
 */
final class InfoJson {

    private static final String FORMAT = "penumbra-checkpoint-2";

    private static final Gson GSON =
            new GsonBuilder()
                    .setStrictness(Strictness.STRICT)
                    .setPrettyPrinting()
                    .disableHtmlEscaping()
                    .create();

    private InfoJson() {}

    static String format(CheckpointInfo info) {
        JsonObject json = new JsonObject();
        json.addProperty("format", FORMAT);
        json.addProperty("run", info.run());
        json.addProperty("id", info.id());
        json.addProperty("epoch", Long.toString(info.progress().epoch()));
        json.addProperty("batch", Long.toString(info.progress().batch()));
        json.addProperty("step", Long.toString(info.progress().step()));
        json.addProperty("time", info.time());
        json.add("versions", GSON.toJsonTree(info.versions()));
        json.add("settings", GSON.toJsonTree(info.settings()));
        Map<String, String> scores = new LinkedHashMap<>();
        info.scores().forEach((name, score) -> scores.put(name, Float.toString(score)));
        json.add("scores", GSON.toJsonTree(scores));
        json.add("parts", GSON.toJsonTree(info.values()));
        return GSON.toJson(json) + "\n";
    }

    /**
     * Returns what {@link #format} was given.
     *
     * @throws IllegalArgumentException if it is anything else
     */
    static CheckpointInfo parse(String text) {
        JsonObject json;
        try {
            json = GSON.fromJson(text, JsonObject.class);
        } catch (JsonParseException e) {
            throw new IllegalArgumentException("it must be a JSON object", e);
        }
        if (json == null || !FORMAT.equals(text(json, "format"))) {
            throw new IllegalArgumentException("format must be " + FORMAT);
        }
        Map<String, Float> scores = new LinkedHashMap<>();
        texts(object(json, "scores"))
                .forEach((name, score) -> scores.put(name, Float.parseFloat(score)));
        Map<String, Map<String, String>> parts = new LinkedHashMap<>();
        JsonObject values = object(json, "parts");
        values.keySet().forEach(part -> parts.put(part, texts(object(values, part))));
        return new CheckpointInfo(
                text(json, "run"),
                text(json, "id"),
                new Progress(number(json, "epoch"), number(json, "batch"), number(json, "step")),
                text(json, "time"),
                texts(object(json, "versions")),
                texts(object(json, "settings")),
                scores,
                parts);
    }

    private static long number(JsonObject json, String name) {
        return Long.parseLong(text(json, name));
    }

    private static String text(JsonObject json, String name) {
        JsonElement element = json.get(name);
        if (!(element instanceof JsonPrimitive text) || !text.isString()) {
            throw new IllegalArgumentException(name + " must be a text, got " + element);
        }
        return text.getAsString();
    }

    private static JsonObject object(JsonObject json, String name) {
        if (!(json.get(name) instanceof JsonObject object)) {
            throw new IllegalArgumentException(name + " must be an object, got " + json.get(name));
        }
        return object;
    }

    private static Map<String, String> texts(JsonObject json) {
        Map<String, String> texts = new LinkedHashMap<>();
        json.keySet().forEach(name -> texts.put(name, text(json, name)));
        return texts;
    }
}
