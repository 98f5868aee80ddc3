// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of a JSON object by name and type.
 *
 * <p>This is the only place that looks at JSON: whatever kind of value a field has, it is read or
 * refused. Lists that are missing or null are empty.
 *
 * <p>The {@code opt} methods return null where a field is missing or null. All others, and a field
 * of another type in every case, throw an {@link IllegalArgumentException} that names the field,
 * with the objects and lists around it.
 */
final class Fields {

    private static final int LONGEST = 80;

    private final JsonObject object;
    private final String path;

    Fields(JsonObject object) {
        this(object, "");
    }

    private Fields(JsonObject object, String path) {
        this.object = object;
        this.path = path;
    }

    String text(String name) {
        return required(name, optText(name), "text");
    }

    @Nullable String optText(String name) {
        JsonPrimitive value = primitive(name, "text");
        if (value == null) {
            return null;
        }
        if (!value.isString()) {
            throw wrong(name, "text", value);
        }
        return value.getAsString();
    }

    boolean flag(String name) {
        JsonPrimitive value = required(name, primitive(name, "true or false"), "true or false");
        if (!value.isBoolean()) {
            throw wrong(name, "true or false", value);
        }
        return value.getAsBoolean();
    }

    double number(String name) {
        return required(name, optNumber(name), "a number");
    }

    @Nullable Double optNumber(String name) {
        JsonPrimitive value = primitive(name, "a number");
        if (value == null) {
            return null;
        }
        if (!value.isNumber() || !Double.isFinite(value.getAsDouble())) {
            throw wrong(name, "a finite number", value);
        }
        return value.getAsDouble();
    }

    int integer(String name) {
        JsonElement value = required(name, object.get(name), "an integer");
        return asInteger(name, value);
    }

    Fields fields(String name) {
        return required(name, optFields(name), "an object");
    }

    @Nullable Fields optFields(String name) {
        JsonElement value = object.get(name);
        if (value == null || value.isJsonNull()) {
            return null;
        }
        if (!value.isJsonObject()) {
            throw wrong(name, "an object", value);
        }
        return new Fields(value.getAsJsonObject(), path + name + ".");
    }

    List<Integer> integers(String name) {
        return list(name, this::asInteger);
    }

    List<Double> numbers(String name) {
        return list(
                name,
                (place, element) -> {
                    if (element instanceof JsonPrimitive value && value.isNumber()) {
                        return value.getAsDouble();
                    }
                    throw wrong(place, "a number", element);
                });
    }

    List<List<Integer>> matrix(String name) {
        return list(
                name,
                (place, row) -> {
                    if (!row.isJsonArray()) {
                        throw wrong(place, "a list", row);
                    }
                    return elements(place, row.getAsJsonArray(), this::asInteger);
                });
    }

    List<String> texts(String name) {
        return list(
                name,
                (place, element) -> {
                    if (element instanceof JsonPrimitive value && value.isString()) {
                        return value.getAsString();
                    }
                    throw wrong(place, "text", element);
                });
    }

    List<Fields> objects(String name) {
        return list(
                name,
                (place, element) -> {
                    if (!element.isJsonObject()) {
                        throw wrong(place, "an object", element);
                    }
                    return new Fields(element.getAsJsonObject(), path + place + ".");
                });
    }

    /** Returns the object's fields as text, in order. */
    Map<String, String> textByName() {
        Map<String, String> texts = new LinkedHashMap<>();
        object.keySet().forEach(name -> texts.put(name, text(name)));
        return texts;
    }

    /** Returns the object's fields as text, booleans, longs and doubles; what nests, as JSON. */
    Map<String, @Nullable Object> valueByName() {
        Map<String, @Nullable Object> values = new LinkedHashMap<>();
        object.entrySet().forEach(field -> values.put(field.getKey(), value(field.getValue())));
        return values;
    }

    private static @Nullable Object value(JsonElement element) {
        if (element.isJsonNull()) {
            return null;
        }
        if (!(element instanceof JsonPrimitive primitive)) {
            return element.toString();
        }
        if (primitive.isBoolean()) {
            return primitive.getAsBoolean();
        }
        if (primitive.isString()) {
            return primitive.getAsString();
        }
        String digits = primitive.getAsString();
        return digits.matches("-?\\d{1,18}")
                ? (Object) Long.valueOf(digits)
                : Double.valueOf(digits);
    }

    private <T> List<T> list(String name, BiFunction<String, JsonElement, T> read) {
        JsonElement value = object.get(name);
        if (value == null || value.isJsonNull()) {
            return List.of();
        }
        if (!value.isJsonArray()) {
            throw wrong(name, "a list", value);
        }
        return elements(name, value.getAsJsonArray(), read);
    }

    /** Reads each element with its place, as in {@code seeds[0]}. */
    private static <T> List<T> elements(
            String name, JsonArray array, BiFunction<String, JsonElement, T> read) {
        List<T> list = new ArrayList<>(array.size());
        for (int i = 0; i < array.size(); i++) {
            list.add(read.apply(name + "[" + i + "]", array.get(i)));
        }
        return list;
    }

    private @Nullable JsonPrimitive primitive(String name, String rule) {
        JsonElement value = object.get(name);
        if (value == null || value.isJsonNull()) {
            return null;
        }
        if (value instanceof JsonPrimitive primitive) {
            return primitive;
        }
        throw wrong(name, rule, value);
    }

    private int asInteger(String name, JsonElement element) {
        if (element instanceof JsonPrimitive value && value.isNumber()) {
            double number = value.getAsDouble();
            if (number == Math.rint(number) && Math.abs(number) <= Integer.MAX_VALUE) {
                return (int) number;
            }
        }
        throw wrong(name, "an integer", element);
    }

    private <T> T required(String name, @Nullable T value, String rule) {
        if (value == null) {
            throw new IllegalArgumentException(path + name + " must be " + rule + ", got nothing");
        }
        return value;
    }

    private IllegalArgumentException wrong(String name, String rule, JsonElement value) {
        String text = value.toString();
        String got = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "...";
        return new IllegalArgumentException(path + name + " must be " + rule + ", got " + got);
    }
}
