// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import java.io.IOException;
import java.io.StringReader;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The fields of a JSON object, each asked for by its name and type. */
final class ConfigFields {

    private static final Gson GSON =
            new GsonBuilder().setStrictness(Strictness.STRICT).serializeNulls().create();

    private static final int LONGEST = 200;

    private final JsonObject json;

    private ConfigFields(JsonObject json) {
        this.json = json;
    }

    /**
     * Parses a text.
     *
     * @throws IllegalArgumentException if it is not one object, or has a name twice
     */
    static ConfigFields parse(String text) {
        try {
            JsonElement element = GSON.fromJson(text, JsonElement.class);
            if (element instanceof JsonObject object) {
                requireDistinctNames(text);
                return new ConfigFields(object);
            }
            throw new IllegalArgumentException("it must be a JSON object, got " + shown(element));
        } catch (JsonParseException e) {
            throw new IllegalArgumentException("it must be a JSON object, got another text", e);
        }
    }

    /** Of two fields of a name, the parser keeps one. */
    private static void requireDistinctNames(String text) {
        Set<String> names = new HashSet<>();
        try (JsonReader reader = new JsonReader(new StringReader(text))) {
            reader.beginObject();
            while (reader.peek() != JsonToken.END_OBJECT) {
                String name = reader.nextName();
                if (!names.add(name)) {
                    throw new IllegalArgumentException(name + " must be there once, got it twice");
                }
                reader.skipValue();
            }
        } catch (IOException e) {
            throw new IllegalArgumentException("it must be a JSON object, got another text", e);
        }
    }

    Set<String> names() {
        return json.keySet();
    }

    /** The field as it is written, for a message. */
    String shown(String name) {
        return json.has(name) ? shown(json.get(name)) : "none";
    }

    private static String shown(@Nullable JsonElement element) {
        String text = GSON.toJson(element);
        return text.length() > LONGEST ? text.substring(0, LONGEST) + "..." : text;
    }

    /** Whether the field is not there or null. */
    boolean isAbsent(String name) {
        return !json.has(name) || json.get(name).isJsonNull();
    }

    Optional<String> text(String name) {
        return json.get(name) instanceof JsonPrimitive text && text.isString()
                ? Optional.of(text.getAsString())
                : Optional.empty();
    }

    int integer(String name) {
        return required(name, "an integer", ConfigFields::integer);
    }

    int integer(String name, int otherwise) {
        return json.has(name) ? integer(name) : otherwise;
    }

    double number(String name) {
        return required(name, "a number", ConfigFields::number);
    }

    boolean truth(String name, boolean otherwise) {
        return json.has(name) ? required(name, "true or false", ConfigFields::truth) : otherwise;
    }

    List<Integer> integers(String name) {
        return required(name, "a list of integers", list(ConfigFields::integer));
    }

    List<Double> numbers(String name) {
        return required(name, "a list of numbers", list(ConfigFields::number));
    }

    List<String> texts(String name) {
        return required(
                name,
                "a list of texts",
                list(e -> e.isString() ? Optional.of(e.getAsString()) : Optional.empty()));
    }

    /** The fields of an object that is a field. */
    ConfigFields object(String name) {
        if (json.get(name) instanceof JsonObject object) {
            return new ConfigFields(object);
        }
        throw new IllegalArgumentException(name + " must be an object, got " + shown(name));
    }

    /** The value of a field that must be there, where it has its type. */
    private <T> T required(String name, String rule, Function<JsonElement, Optional<T>> value) {
        JsonElement element = json.get(name);
        return (element == null ? Optional.<T>empty() : value.apply(element))
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        name + " must be " + rule + ", got " + shown(name)));
    }

    private static <T> Function<JsonElement, Optional<List<T>>> list(
            Function<JsonPrimitive, Optional<T>> value) {
        return element -> {
            if (!(element instanceof JsonArray array)) {
                return Optional.empty();
            }
            List<T> values = new ArrayList<>();
            for (JsonElement each : array) {
                if (each instanceof JsonPrimitive primitive) {
                    value.apply(primitive).ifPresent(values::add);
                }
            }
            return values.size() == array.size() ? Optional.of(values) : Optional.empty();
        };
    }

    private static Optional<Integer> integer(JsonElement element) {
        if (!(element instanceof JsonPrimitive value) || !value.isNumber()) {
            return Optional.empty();
        }
        try {
            return Optional.of(new BigDecimal(value.getAsString()).intValueExact());
        } catch (ArithmeticException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    private static Optional<Double> number(JsonElement element) {
        return element instanceof JsonPrimitive value && value.isNumber()
                ? Optional.of(value.getAsDouble())
                : Optional.empty();
    }

    private static Optional<Boolean> truth(JsonElement element) {
        return element instanceof JsonPrimitive value && value.isBoolean()
                ? Optional.of(value.getAsBoolean())
                : Optional.empty();
    }
}
