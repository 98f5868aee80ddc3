// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A file of named arrays in the safetensors format, with metadata: the length of the header, the
 * header in JSON, and the values one array after the other.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">safetensors, format</a>
 */
final class TensorFile {

    private static final String METADATA = "__metadata__";
    private static final long HEADER_LIMIT = 100_000_000;

    private final Path path;
    private final Map<String, String> metadata;
    private final Map<String, Entry> entries;

    /** An array: where its values are, counted from the beginning of the file. */
    private record Entry(DataType type, Shape shape, long begin, long end) {}

    private TensorFile(Path path, Map<String, String> metadata, Map<String, Entry> entries) {
        this.path = path;
        this.metadata = metadata;
        this.entries = entries;
    }

    /**
     * Writes a file, which appears complete or not at all: under another name until it is on disk.
     * One array at a time is held twice.
     *
     * @param types the type that each array has in the file
     */
    static void write(
            Path path,
            Map<String, String> metadata,
            Map<String, NDArray> arrays,
            Map<String, DataType> types)
            throws IOException {
        Path directory = path.toAbsolutePath().getParent();
        Path temporary = path.resolveSibling("." + path.getFileName() + ".tmp");
        try (FileChannel channel =
                FileChannel.open(
                        temporary,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.TRUNCATE_EXISTING,
                        StandardOpenOption.WRITE)) {
            writeFully(channel, header(metadata, arrays, types));
            for (Map.Entry<String, NDArray> entry : arrays.entrySet()) {
                DataType type = types.getOrDefault(entry.getKey(), entry.getValue().getDataType());
                try (NDArray stored = entry.getValue().toType(type, true)) {
                    writeFully(channel, stored.toByteBuffer());
                }
            }
            channel.force(true);
        }
        Files.move(
                temporary,
                path,
                StandardCopyOption.ATOMIC_MOVE,
                StandardCopyOption.REPLACE_EXISTING);
        if (directory != null) {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    private static ByteBuffer header(
            Map<String, String> metadata,
            Map<String, NDArray> arrays,
            Map<String, DataType> types) {
        JsonObject json = new JsonObject();
        JsonObject texts = new JsonObject();
        metadata.forEach(texts::addProperty);
        json.add(METADATA, texts);
        long offset = 0;
        for (Map.Entry<String, NDArray> entry : arrays.entrySet()) {
            NDArray array = entry.getValue();
            DataType type = types.getOrDefault(entry.getKey(), array.getDataType());
            JsonObject description = new JsonObject();
            description.addProperty("dtype", type.asSafetensors());
            JsonArray shape = new JsonArray();
            for (long size : array.getShape().getShape()) {
                shape.add(size);
            }
            description.add("shape", shape);
            JsonArray offsets = new JsonArray();
            offsets.add(offset);
            offset += array.size() * type.getNumOfBytes();
            offsets.add(offset);
            description.add("data_offsets", offsets);
            json.add(entry.getKey(), description);
        }
        byte[] text = json.toString().getBytes(StandardCharsets.UTF_8);
        // The values begin at a multiple of 8 bytes, after spaces.
        int length = (text.length + 7) / 8 * 8;
        ByteBuffer buffer = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(length).put(text);
        while (buffer.hasRemaining()) {
            buffer.put((byte) ' ');
        }
        return buffer.flip();
    }

    private static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }

    /**
     * Reads the header and checks it against the length of the file.
     *
     * @throws IOException if the file is missing, cut off or of another format
     */
    static TensorFile open(Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            readFully(channel, 0, length);
            long size = length.getLong(0);
            if (size < 2 || size > Math.min(HEADER_LIMIT, channel.size() - 8)) {
                throw new IOException(
                        "its header must have 2 to "
                                + Math.min(HEADER_LIMIT, channel.size() - 8)
                                + " bytes, got "
                                + size);
            }
            ByteBuffer header = ByteBuffer.allocate((int) size);
            readFully(channel, 8, header);
            String text = new String(header.array(), StandardCharsets.UTF_8);
            return parse(path, text, 8 + size, channel.size());
        } catch (FileSystemException e) {
            throw e; // It names the file.
        } catch (IOException | RuntimeException e) {
            throw new IOException("Cannot read " + path + ": " + e.getMessage(), e);
        }
    }

    private static TensorFile parse(Path path, String header, long start, long length)
            throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        Map<String, Entry> entries = new LinkedHashMap<>();
        long end = start;
        JsonObject json = JsonParser.parseString(header).getAsJsonObject();
        for (Map.Entry<String, JsonElement> item : json.entrySet()) {
            JsonObject value = item.getValue().getAsJsonObject();
            if (item.getKey().equals(METADATA)) {
                value.entrySet().forEach(e -> metadata.put(e.getKey(), e.getValue().getAsString()));
            } else {
                Entry entry = entry(item.getKey(), value, start);
                entries.put(item.getKey(), entry);
                end = Math.max(end, entry.end());
            }
        }
        if (end != length) {
            throw new IOException("it must have " + end + " bytes, got " + length);
        }
        return new TensorFile(path, metadata, entries);
    }

    private static Entry entry(String name, JsonObject json, long start) throws IOException {
        DataType type = DataType.fromSafetensors(json.get("dtype").getAsString());
        JsonArray sizes = json.getAsJsonArray("shape");
        long[] shape = new long[sizes.size()];
        for (int i = 0; i < shape.length; i++) {
            shape[i] = sizes.get(i).getAsLong();
        }
        JsonArray offsets = json.getAsJsonArray("data_offsets");
        long begin = start + offsets.get(0).getAsLong();
        long end = start + offsets.get(1).getAsLong();
        Entry entry = new Entry(type, new Shape(shape), begin, end);
        long expected = entry.shape().size() * type.getNumOfBytes();
        if (begin < start || end - begin != expected) {
            throw new IOException(
                    "array '" + name + "' must have " + expected + " bytes, got " + offsets);
        }
        return entry;
    }

    private static void readFully(FileChannel channel, long position, ByteBuffer buffer)
            throws IOException {
        long next = position;
        while (buffer.hasRemaining()) {
            int count = channel.read(buffer, next);
            if (count < 0) {
                throw new EOFException("it ends after " + next + " bytes");
            }
            next += count;
        }
    }

    /** The file. */
    Path path() {
        return path;
    }

    /** The texts of the header. */
    Map<String, String> metadata() {
        return metadata;
    }

    /** Reads all arrays onto a manager. */
    Map<String, NDArray> read(NDManager manager) throws IOException {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            for (Map.Entry<String, Entry> named : entries.entrySet()) {
                Entry entry = named.getValue();
                ByteBuffer values =
                        manager.allocateDirect(Math.toIntExact(entry.end() - entry.begin()));
                readFully(channel, entry.begin(), values);
                values.rewind();
                NDArray array = manager.create(values, entry.shape(), entry.type());
                arrays.put(named.getKey(), array);
            }
        }
        return arrays;
    }
}
