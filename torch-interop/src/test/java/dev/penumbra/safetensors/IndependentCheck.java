// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The rules of the format a second time, on the whole text and with numbers without limit. */
final class IndependentCheck {

    private IndependentCheck() {}

    /** Throws if a file is not in the format, or other tensors are in it. */
    static void require(byte[] file, Map<String, TensorInfo> tensors) {
        check(file[Long.BYTES] == '{', "first byte");
        JsonObject header =
                JsonParser.parseString(new String(FileBytes.header(file), StandardCharsets.UTF_8))
                        .getAsJsonObject();
        Map<String, JsonObject> entries = new TreeMap<>();
        for (Map.Entry<String, JsonElement> entry : header.entrySet()) {
            JsonObject value = entry.getValue().getAsJsonObject();
            if (entry.getKey().equals("__metadata__")) {
                value.asMap().values().forEach(e -> check(string(e), "metadata"));
            } else {
                entries.put(entry.getKey(), value);
            }
        }
        check(entries.keySet().equals(new TreeMap<>(tensors).keySet()), "names");
        List<JsonObject> sorted =
                entries.values().stream()
                        .sorted(
                                Comparator.comparing((JsonObject o) -> offset(o, 0))
                                        .thenComparing(o -> offset(o, 1)))
                        .toList();
        BigInteger next = BigInteger.ZERO;
        for (JsonObject entry : sorted) {
            check(entry.size() == 3, "fields");
            check(offset(entry, 0).equals(next), "begin");
            next = offset(entry, 1);
            BigInteger bits = bits(entry);
            check(bits.equals(next.subtract(offset(entry, 0)).shiftLeft(3)), "size");
        }
        check(next.equals(BigInteger.valueOf(FileBytes.values(file).length)), "length");
    }

    private static BigInteger bits(JsonObject entry) {
        TensorType type = TensorType.valueOf(entry.get("dtype").getAsString());
        BigInteger bits = BigInteger.valueOf(type.bits());
        for (JsonElement size : entry.getAsJsonArray("shape")) {
            bits = bits.multiply(number(size));
        }
        return bits;
    }

    private static BigInteger offset(JsonObject entry, int index) {
        JsonArray offsets = entry.getAsJsonArray("data_offsets");
        check(offsets.size() == 2, "offsets");
        return number(offsets.get(index));
    }

    private static BigInteger number(JsonElement element) {
        check(element.getAsJsonPrimitive().isNumber(), "number");
        return new BigInteger(element.getAsString());
    }

    private static boolean string(JsonElement element) {
        return element.isJsonPrimitive() && element.getAsJsonPrimitive().isString();
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("accepted a file with wrong " + what);
        }
    }
}
