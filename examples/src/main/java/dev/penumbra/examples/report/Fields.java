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
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of a JSON object by name and type.
 *
 * <p>The {@code opt} methods return null where a field is missing or null. All others, and a field
 * of another type in every case, throw an {@link IllegalArgumentException} that names the field.
 */
final class Fields {

    private final JsonObject object;

    Fields(JsonObject object) {
        this.object = object;
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
        return new Fields(value.getAsJsonObject());
    }

    List<Integer> integers(String name) {
        return list(name, element -> asInteger(name, element));
    }

    List<Double> numbers(String name) {
        return list(
                name,
                element -> {
                    if (element instanceof JsonPrimitive value && value.isNumber()) {
                        return value.getAsDouble();
                    }
                    throw wrong(name, "a list of numbers", element);
                });
    }

    List<List<Integer>> matrix(String name) {
        return list(
                name,
                row -> {
                    if (!row.isJsonArray()) {
                        throw wrong(name, "a list of lists of integers", row);
                    }
                    return elements(row.getAsJsonArray(), cell -> asInteger(name, cell));
                });
    }

    List<String> texts(String name) {
        return list(name, JsonElement::getAsString);
    }

    List<Fields> objects(String name) {
        return list(
                name,
                element -> {
                    if (!element.isJsonObject()) {
                        throw wrong(name, "a list of objects", element);
                    }
                    return new Fields(element.getAsJsonObject());
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

    private <T> List<T> list(String name, Function<JsonElement, T> read) {
        JsonElement value = object.get(name);
        if (value == null || value.isJsonNull()) {
            return List.of();
        }
        if (!value.isJsonArray()) {
            throw wrong(name, "a list", value);
        }
        return elements(value.getAsJsonArray(), read);
    }

    private static <T> List<T> elements(JsonArray array, Function<JsonElement, T> read) {
        List<T> list = new ArrayList<>(array.size());
        array.forEach(element -> list.add(read.apply(element)));
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

    private static int asInteger(String name, JsonElement element) {
        if (element instanceof JsonPrimitive value && value.isNumber()) {
            double number = value.getAsDouble();
            if (number == Math.rint(number) && Math.abs(number) <= Integer.MAX_VALUE) {
                return (int) number;
            }
        }
        throw wrong(name, "an integer", element);
    }

    private static <T> T required(String name, @Nullable T value, String rule) {
        if (value == null) {
            throw new IllegalArgumentException(name + " must be " + rule + ", got nothing");
        }
        return value;
    }

    private static IllegalArgumentException wrong(String name, String rule, JsonElement value) {
        return new IllegalArgumentException(name + " must be " + rule + ", got " + value);
    }
}
