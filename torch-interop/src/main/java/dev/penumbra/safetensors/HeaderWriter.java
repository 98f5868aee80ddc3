// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** Writes the text of a header as the format's reference writer does. */
final class HeaderWriter {

    private final StringBuilder text = new StringBuilder("{");

    private HeaderWriter() {}

    /**
     * Returns the first bytes of a file: the length of the header, and the header.
     *
     * @param metadata the texts, left out if there are none
     * @param tensors the tensors in their order in the file
     */
    static ByteBuffer write(Map<String, String> metadata, List<TensorInfo> tensors) {
        HeaderWriter writer = new HeaderWriter();
        if (!metadata.isEmpty()) {
            writer.metadata(metadata);
        }
        tensors.forEach(writer::tensor);
        return writer.finish();
    }

    private void metadata(Map<String, String> metadata) {
        Map<String, String> sorted = new TreeMap<>(Utf8::compare);
        sorted.putAll(metadata);
        name(Header.METADATA).append('{');
        sorted.forEach((name, value) -> string(name(name), value));
        text.append('}');
    }

    private void tensor(TensorInfo tensor) {
        name(tensor.name()).append("{\"dtype\":\"").append(tensor.type()).append("\",\"shape\":[");
        long[] shape = tensor.shape().getShape();
        for (int i = 0; i < shape.length; i++) {
            text.append(i == 0 ? "" : ",").append(shape[i]);
        }
        text.append("],\"data_offsets\":[").append(tensor.begin());
        text.append(',').append(tensor.end()).append("]}");
    }

    /** Begins an entry of an object. */
    private StringBuilder name(String name) {
        if (text.charAt(text.length() - 1) != '{') {
            text.append(',');
        }
        return string(text, name).append(':');
    }

    private static StringBuilder string(StringBuilder text, String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
                case '"' -> text.append("\\\"");
                case '\\' -> text.append("\\\\");
                case '\b' -> text.append("\\b");
                case '\f' -> text.append("\\f");
                case '\n' -> text.append("\\n");
                case '\r' -> text.append("\\r");
                case '\t' -> text.append("\\t");
                default -> {
                    if (c < ' ') {
                        text.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
                    } else {
                        text.append(c);
                    }
                }
            }
        }
        return text.append('"');
    }

    private ByteBuffer finish() {
        byte[] bytes = text.append('}').toString().getBytes(StandardCharsets.UTF_8);
        int length = (bytes.length + Long.BYTES - 1) / Long.BYTES * Long.BYTES;
        if (length > Header.MAX_BYTES) {
            throw new IllegalArgumentException(
                    "header must have at most " + Header.MAX_BYTES + " bytes, got " + length);
        }
        ByteBuffer buffer = ByteBuffer.allocate(Header.LENGTH_BYTES + length);
        buffer.order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(bytes);
        while (buffer.hasRemaining()) {
            buffer.put((byte) ' ');
        }
        return buffer.flip();
    }
}
