// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.testing;

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
public final class Golden {

    private Golden() {}

    /**
     * Reads a file among the resources of the tests.
     *
     * @param resource the path of the file below {@code dev/penumbra}
     * @return its content
     */
    public static JsonElement read(String resource) {
        try (InputStream in = Golden.class.getResourceAsStream("/dev/penumbra/" + resource);
                Reader reader =
                        new InputStreamReader(
                                Objects.requireNonNull(in, resource), StandardCharsets.UTF_8)) {
            return JsonParser.parseReader(reader);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * The objects of an array.
     *
     * @param array the array
     * @return the objects
     */
    public static List<JsonObject> objects(JsonElement array) {
        List<JsonObject> objects = new ArrayList<>();
        array.getAsJsonArray().forEach(element -> objects.add(element.getAsJsonObject()));
        return objects;
    }

    /**
     * The float of a bit pattern.
     *
     * @param bits the hexadecimal bits
     * @return the float
     */
    public static float floatOf(JsonElement bits) {
        return Float.intBitsToFloat(Integer.parseUnsignedInt(bits.getAsString().substring(2), 16));
    }

    /**
     * The floats of bit patterns.
     *
     * @param bits the hexadecimal bits
     * @return the floats
     */
    public static float[] floats(JsonElement bits) {
        JsonArray array = bits.getAsJsonArray();
        float[] values = new float[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = floatOf(array.get(i));
        }
        return values;
    }

    /**
     * The numbers of an array.
     *
     * @param numbers the array
     * @return the numbers
     */
    public static long[] longs(JsonElement numbers) {
        JsonArray array = numbers.getAsJsonArray();
        long[] values = new long[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsLong();
        }
        return values;
    }

    /**
     * The numbers of an array.
     *
     * @param numbers the array
     * @return the numbers
     */
    public static double[] doubles(JsonElement numbers) {
        JsonArray array = numbers.getAsJsonArray();
        double[] values = new double[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = array.get(i).getAsDouble();
        }
        return values;
    }
}
