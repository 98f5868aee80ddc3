// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** Reads the golden files, whose float32 values are bit patterns. */
final class Golden {

    private Golden() {}

    static JsonObject read(String resource) {
        try (InputStream in = Golden.class.getResourceAsStream(resource);
                Reader reader =
                        new InputStreamReader(
                                Objects.requireNonNull(in, resource), StandardCharsets.UTF_8)) {
            return JsonParser.parseReader(reader).getAsJsonObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static List<JsonObject> cases(JsonObject file) {
        List<JsonObject> cases = new ArrayList<>();
        file.getAsJsonArray("cases").forEach(element -> cases.add(element.getAsJsonObject()));
        return cases;
    }

    static float floatOf(JsonElement bits) {
        return Float.intBitsToFloat(Integer.parseUnsignedInt(bits.getAsString().substring(2), 16));
    }

    static float[] floats(JsonElement bits) {
        JsonArray array = bits.getAsJsonArray();
        float[] values = new float[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = floatOf(array.get(i));
        }
        return values;
    }

    static double[] doubles(JsonElement decimals) {
        JsonArray array = decimals.getAsJsonArray();
        double[] values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsDouble();
        }
        return values;
    }

    static long[] shape(JsonElement element) {
        JsonArray array = element.getAsJsonArray();
        long[] shape = new long[array.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = array.get(i).getAsLong();
        }
        return shape;
    }
}
