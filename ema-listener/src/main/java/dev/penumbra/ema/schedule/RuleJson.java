// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonPrimitive;
import com.google.gson.Strictness;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Averaging rules as JSON: {@code {"type":"ConstantDecay","decay":0.9999}}.
 *
 * <p>A rule is an object with the name of its type and its components; rules, intervals and lists
 * within it are nested. Doubles come back bit for bit; infinity is the string {@code "Infinity"}.
 * Reading is strict: every component is given, nothing else is, and the rule's own checks apply.
 */
public final class RuleJson {

    private static final Gson GSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();
    private static final String TYPE = "type";
    private static final String INFINITY = "Infinity";
    private static final SortedMap<String, Class<?>> TYPES = new TreeMap<>();

    /** The names of types that earlier versions wrote. */
    private static final Map<String, String> FORMER = Map.of("Delayed", "CopyFirst");

    static {
        collect(AveragingRule.class);
    }

    private RuleJson() {}

    private static void collect(Class<?> type) {
        if (type.isSealed()) {
            Arrays.stream(type.getPermittedSubclasses()).forEach(RuleJson::collect);
        } else {
            TYPES.put(type.getSimpleName(), type);
        }
    }

    /**
     * Writes a rule.
     *
     * @param rule the rule
     * @return the JSON object, without line breaks
     */
    public static String toJson(AveragingRule rule) {
        return write(rule).toString();
    }

    /**
     * Reads a rule.
     *
     * @param json the JSON object
     * @return the rule
     * @throws IllegalArgumentException if it is not the JSON of a rule; the message names the
     *     component
     */
    public static AveragingRule fromJson(String json) {
        return (AveragingRule) readRecord("rule", AveragingRule.class, parse(json));
    }

    private static JsonElement write(Object value) {
        if (value instanceof Record r) {
            return writeRecord(r);
        }
        if (value instanceof List<?> list) {
            JsonArray array = new JsonArray();
            list.forEach(item -> array.add(write(item)));
            return array;
        }
        if (value instanceof Number number) {
            boolean infinite = number.equals(Double.POSITIVE_INFINITY);
            return infinite ? new JsonPrimitive(INFINITY) : new JsonPrimitive(number);
        }
        return new JsonPrimitive(((Enum<?>) value).name());
    }

    private static JsonObject writeRecord(Record value) {
        JsonObject object = new JsonObject();
        if (value instanceof AveragingRule) {
            object.addProperty(TYPE, value.getClass().getSimpleName());
        }
        for (RecordComponent component : value.getClass().getRecordComponents()) {
            try {
                object.add(component.getName(), write(component.getAccessor().invoke(value)));
            } catch (ReflectiveOperationException e) {
                throw new LinkageError("Cannot read " + component, e);
            }
        }
        return object;
    }

    private static @Nullable JsonElement parse(String json) {
        try {
            return GSON.fromJson(json, JsonElement.class);
        } catch (JsonParseException e) {
            throw new IllegalArgumentException("rule must be JSON, got " + json, e);
        }
    }

    private static Object read(String name, Type type, JsonElement json) {
        if (type instanceof ParameterizedType list) {
            return readList(name, list.getActualTypeArguments()[0], json);
        }
        Class<?> raw = (Class<?>) type;
        if (raw.isPrimitive()) {
            return raw == double.class ? readDouble(name, json) : readLong(name, json);
        }
        return raw.isEnum() ? readEnum(name, raw, json) : readRecord(name, raw, json);
    }

    private static Object readDouble(String name, JsonElement json) {
        if (json instanceof JsonPrimitive primitive) {
            if (primitive.isNumber()) {
                return primitive.getAsDouble();
            }
            if (primitive.isString() && primitive.getAsString().equals(INFINITY)) {
                return Double.POSITIVE_INFINITY;
            }
        }
        throw rejected(name, "a number", json);
    }

    private static Object readLong(String name, JsonElement json) {
        if (json instanceof JsonPrimitive primitive && primitive.isNumber()) {
            try {
                return Long.parseLong(primitive.getAsString());
            } catch (NumberFormatException e) {
                throw rejected(name, "a whole number", json);
            }
        }
        throw rejected(name, "a whole number", json);
    }

    private static Object readEnum(String name, Class<?> type, JsonElement json) {
        Object[] constants = type.getEnumConstants();
        if (json instanceof JsonPrimitive primitive && primitive.isString()) {
            for (Object constant : constants) {
                if (((Enum<?>) constant).name().equals(primitive.getAsString())) {
                    return constant;
                }
            }
        }
        throw rejected(name, "one of " + Arrays.toString(constants), json);
    }

    private static List<Object> readList(String name, Type item, JsonElement json) {
        if (!(json instanceof JsonArray array)) {
            throw rejected(name, "an array", json);
        }
        List<Object> items = new ArrayList<>();
        for (int i = 0; i < array.size(); i++) {
            items.add(read(name + "[" + i + "]", item, array.get(i)));
        }
        return items;
    }

    private static Object readRecord(String name, Class<?> expected, @Nullable JsonElement json) {
        if (!(json instanceof JsonObject object)) {
            throw rejected(name, "an object", json);
        }
        boolean typed = AveragingRule.class.isAssignableFrom(expected);
        Class<?> type = typed ? typeOf(name, object) : expected;
        if (!expected.isAssignableFrom(type)) {
            throw rejected(name, "a " + expected.getSimpleName(), object.get(TYPE));
        }
        RecordComponent[] components = type.getRecordComponents();
        Object[] values = new Object[components.length];
        Class<?>[] types = new Class<?>[components.length];
        String prefix = type.getSimpleName() + ".";
        for (int i = 0; i < components.length; i++) {
            String component = components[i].getName();
            JsonElement value = object.get(component);
            if (value == null) {
                throw rejected(prefix + component, "present", object);
            }
            values[i] = read(prefix + component, components[i].getGenericType(), value);
            types[i] = components[i].getType();
        }
        requireNothingElse(type, components, typed, object);
        return construct(type, types, values);
    }

    private static Class<?> typeOf(String name, JsonObject object) {
        JsonElement type = object.get(TYPE);
        if (!(type instanceof JsonPrimitive primitive) || !primitive.isString()) {
            throw rejected(name + ".type", "a string", object);
        }
        String written = primitive.getAsString();
        Class<?> found = TYPES.get(FORMER.getOrDefault(written, written));
        if (found == null) {
            throw rejected(name + ".type", "one of " + TYPES.keySet(), type);
        }
        return found;
    }

    private static void requireNothingElse(
            Class<?> type, RecordComponent[] components, boolean typed, JsonObject object) {
        List<String> known =
                new ArrayList<>(Arrays.stream(components).map(RecordComponent::getName).toList());
        if (typed) {
            known.add(TYPE);
        }
        for (String name : object.keySet()) {
            if (!known.contains(name)) {
                String component = type.getSimpleName() + "." + name;
                throw rejected(component, "absent", object.get(name));
            }
        }
    }

    private static Object construct(Class<?> type, Class<?>[] types, Object[] values) {
        try {
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new LinkageError("Cannot create " + type, e);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("Cannot create " + type, e);
        }
    }

    private static IllegalArgumentException rejected(
            String name, String rule, @Nullable Object got) {
        return new IllegalArgumentException(name + " must be " + rule + ", got " + got);
    }
}
