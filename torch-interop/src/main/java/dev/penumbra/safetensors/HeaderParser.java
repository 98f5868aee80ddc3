// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.ndarray.types.Shape;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PushbackInputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the text of a header, which is JSON of exactly two levels, and checks each tensor by
 * itself. Nothing is taken that the format does not name, and nothing twice. Halves of surrogate
 * pairs, which UTF-8 cannot hold, are no strict JSON.
 */
final class HeaderParser {

    private static final Pattern POSITION = Pattern.compile("at line (\\d+) column (\\d+)");
    private static final String LARGEST = Long.toString(Long.MAX_VALUE);

    private final Path path;
    private final InputStream in;
    private final Map<String, String> metadata = new LinkedHashMap<>();
    private final List<TensorInfo> tensors = new ArrayList<>();

    HeaderParser(Path path, InputStream in) {
        this.path = path;
        this.in = in;
    }

    Map<String, String> metadata() {
        return metadata;
    }

    /** The tensors in the order of the text. */
    List<TensorInfo> tensors() {
        return tensors;
    }

    void parse() throws IOException {
        PushbackInputStream bytes = new PushbackInputStream(in);
        int first = bytes.read();
        if (first != '{') {
            String got = first < 0 ? "nothing" : String.format(Locale.ROOT, "0x%02x", first);
            throw failure("header must begin with '{', got " + got);
        }
        bytes.unread(first);
        JsonReader json =
                new JsonReader(
                        new InputStreamReader(
                                bytes,
                                StandardCharsets.UTF_8
                                        .newDecoder()
                                        .onMalformedInput(CodingErrorAction.REPORT)
                                        .onUnmappableCharacter(CodingErrorAction.REPORT)));
        json.setStrictness(Strictness.STRICT);
        try {
            readHeader(json);
        } catch (CharacterCodingException e) {
            throw new SafetensorsException(path, "header must be UTF-8, got other bytes", e);
        } catch (EOFException e) {
            throw new SafetensorsException(path, "header must be JSON, got a part of it", e);
        } catch (MalformedJsonException e) {
            throw new SafetensorsException(path, "header must be JSON, got " + where(e), e);
        }
    }

    private static String where(MalformedJsonException e) {
        Matcher position = POSITION.matcher(String.valueOf(e.getMessage()));
        return "an error" + (position.find() ? " " + position.group() : "");
    }

    private void readHeader(JsonReader json) throws IOException {
        boolean seen = false;
        Set<String> names = new HashSet<>();
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            if (name.equals(Header.METADATA)) {
                if (seen) {
                    throw failure("names must differ, got '__metadata__' twice");
                }
                seen = true;
                readMetadata(json);
            } else {
                if (!names.add(name)) {
                    throw failure("names must differ, got " + Quoted.of(name) + " twice");
                }
                tensors.add(readTensor(name, json));
            }
        }
        json.endObject();
        require(json, JsonToken.END_DOCUMENT, "header", "one object");
    }

    private void readMetadata(JsonReader json) throws IOException {
        require(json, JsonToken.BEGIN_OBJECT, "__metadata__", "an object");
        json.beginObject();
        while (json.hasNext()) {
            String name = json.nextName();
            String what = "__metadata__ " + Quoted.of(name);
            require(json, JsonToken.STRING, what, "a string");
            if (metadata.put(name, json.nextString()) != null) {
                throw failure(
                        "names in __metadata__ must differ, got " + Quoted.of(name) + " twice");
            }
        }
        json.endObject();
    }

    private TensorInfo readTensor(String name, JsonReader json) throws IOException {
        String of = " of tensor " + Quoted.of(name);
        TensorType type = null;
        long[] shape = null;
        long[] offsets = null;
        require(json, JsonToken.BEGIN_OBJECT, "description" + of, "an object");
        json.beginObject();
        while (json.hasNext()) {
            String field = json.nextName();
            switch (field) {
                case "dtype" -> {
                    requireOnce(type, field + of);
                    type = readType(json, field + of);
                }
                case "shape" -> {
                    requireOnce(shape, field + of);
                    shape = readNumbers(json, field + of, Header.MAX_RANK);
                }
                case "data_offsets" -> {
                    requireOnce(offsets, field + of);
                    offsets = readNumbers(json, field + of, 2);
                }
                default ->
                        throw failure(
                                "fields"
                                        + of
                                        + " must be dtype, shape and data_offsets, got "
                                        + Quoted.of(field));
            }
        }
        json.endObject();
        return tensor(
                name,
                present(type, "dtype" + of),
                present(shape, "shape" + of),
                present(offsets, "data_offsets" + of));
    }

    private void requireOnce(@Nullable Object value, String what) throws SafetensorsException {
        if (value != null) {
            throw failure(what + " must be there once, got two");
        }
    }

    private <T> T present(@Nullable T value, String what) throws SafetensorsException {
        if (value == null) {
            throw failure(what + " must be there, got none");
        }
        return value;
    }

    private TensorType readType(JsonReader json, String what) throws IOException {
        require(json, JsonToken.STRING, what, "a string");
        String name = json.nextString();
        TensorType type = TensorType.named(name);
        if (type == null) {
            throw failure(
                    what
                            + " must be one of "
                            + Arrays.toString(TensorType.values())
                            + ", got "
                            + Quoted.of(name));
        }
        return type;
    }

    private long[] readNumbers(JsonReader json, String what, int most) throws IOException {
        long[] numbers = new long[most];
        int count = 0;
        require(json, JsonToken.BEGIN_ARRAY, what, "an array");
        json.beginArray();
        while (json.hasNext()) {
            if (count == most) {
                throw failure(what + " must have at most " + most + " numbers, got more");
            }
            numbers[count++] = readNumber(json, what);
        }
        json.endArray();
        return Arrays.copyOf(numbers, count);
    }

    private long readNumber(JsonReader json, String what) throws IOException {
        require(json, JsonToken.NUMBER, "each number in " + what, "a number");
        String text = json.nextString();
        if (!text.chars().allMatch(c -> c >= '0' && c <= '9')) {
            throw failure(
                    "each number in " + what + " must be digits alone, got " + Quoted.of(text));
        }
        boolean fits =
                text.length() < LARGEST.length()
                        || (text.length() == LARGEST.length() && text.compareTo(LARGEST) <= 0);
        if (!fits) {
            throw failure(
                    "each number in "
                            + what
                            + " must be at most "
                            + LARGEST
                            + ", got "
                            + Quoted.of(text));
        }
        return Long.parseLong(text);
    }

    private TensorInfo tensor(String name, TensorType type, long[] shape, long[] offsets)
            throws SafetensorsException {
        String tensor = "tensor " + Quoted.of(name);
        if (offsets.length != 2) {
            throw failure(
                    "data_offsets of " + tensor + " must be 2 numbers, got " + offsets.length);
        }
        long bits = bits(type, shape, tensor);
        if (bits % Byte.SIZE != 0) {
            throw failure(tensor + " must fill whole bytes, got " + bits + " bits of " + type);
        }
        long length = offsets[1] - offsets[0];
        if (length != bits / Byte.SIZE) {
            throw failure(
                    "data_offsets of "
                            + tensor
                            + " must span "
                            + bits / Byte.SIZE
                            + " bytes, got "
                            + Arrays.toString(offsets));
        }
        return new TensorInfo(name, type, new Shape(shape), offsets[0], offsets[1]);
    }

    /**
     * The bits of all values. Strides, too, are products of sizes, so that their product without
     * zeros must be a number.
     */
    private long bits(TensorType type, long[] shape, String tensor) throws SafetensorsException {
        long bits = type.bits();
        boolean empty = false;
        try {
            for (long size : shape) {
                bits = Math.multiplyExact(bits, Math.max(size, 1));
                empty |= size == 0;
            }
        } catch (ArithmeticException e) {
            throw new SafetensorsException(
                    path,
                    tensor
                            + " must have at most "
                            + LARGEST
                            + " bits, got "
                            + type
                            + " of shape "
                            + Arrays.toString(shape),
                    e);
        }
        return empty ? 0 : bits;
    }

    private void require(JsonReader json, JsonToken token, String what, String rule)
            throws IOException {
        JsonToken found = json.peek();
        if (found != token) {
            String got = found.toString().toLowerCase(Locale.ROOT).replace('_', ' ');
            throw failure(what + " must be " + rule + ", got " + got);
        }
    }

    private SafetensorsException failure(String problem) {
        return new SafetensorsException(path, problem);
    }
}
