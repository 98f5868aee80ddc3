// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.engine.PtNDArray;
import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Writes arrays in the canonical form of the safetensors format: the bytes that its reference
 * writer makes of the same tensors.
 *
 * <p>Tensors are in the order of their types, widest alignment first, and of their names in UTF-8;
 * the order of the maps does not matter. Metadata, for which the reference has no order, is sorted
 * by name, and left out if it is empty. Values begin at a multiple of 8 bytes.
 *
 * <p>Values in the memory of the CPU are written from where they are; those of other devices, of
 * views with strides and of arrays with another type in the file are copied in pieces of 16 MiB.
 * Arrays must not change meanwhile.
 */
public final class SafetensorsWriter {

    private static final Comparator<Tensor> ORDER =
            Comparator.comparing(Tensor::type)
                    .reversed()
                    .thenComparing(Tensor::name, Utf8::compare);

    /** An array and what it is in the file. */
    private record Tensor(String name, PtNDArray array, TensorType type) {}

    private SafetensorsWriter() {}

    /**
     * Writes a file, which appears complete or not at all.
     *
     * @param path the file, replaced if it exists
     * @param arrays the arrays by name; of the PyTorch engine
     * @param metadata texts by name; may be empty
     * @throws IOException if the file cannot be written; it is as it was before
     * @throws IllegalArgumentException if the format or the engine has no place for an array or a
     *     name
     */
    public static void write(
            Path path, Map<String, ? extends NDArray> arrays, Map<String, String> metadata)
            throws IOException {
        write(path, arrays, metadata, Map.of());
    }

    /**
     * Writes a file, which appears complete or not at all, with some arrays converted.
     *
     * @param path the file, replaced if it exists
     * @param arrays the arrays by name; of the PyTorch engine
     * @param metadata texts by name; may be empty
     * @param types the types of arrays in the file, by name; others keep theirs
     * @throws IOException if the file cannot be written; it is as it was before
     * @throws IllegalArgumentException if the format or the engine has no place for an array, a
     *     name or a type
     */
    public static void write(
            Path path,
            Map<String, ? extends NDArray> arrays,
            Map<String, String> metadata,
            Map<String, DataType> types)
            throws IOException {
        List<Tensor> tensors = tensors(arrays, types);
        ByteBuffer header = header(metadata, tensors);
        AtomicFile.write(path, channel -> write(channel, header, tensors));
    }

    /**
     * Writes to a channel from its position on.
     *
     * @param channel the channel; it stays open
     * @param arrays the arrays by name; of the PyTorch engine
     * @param metadata texts by name; may be empty
     * @throws IOException if the channel fails
     * @throws IllegalArgumentException if the format or the engine has no place for an array or a
     *     name; nothing is written then
     */
    public static void write(
            WritableByteChannel channel,
            Map<String, ? extends NDArray> arrays,
            Map<String, String> metadata)
            throws IOException {
        List<Tensor> tensors = tensors(arrays, Map.of());
        write(channel, header(metadata, tensors), tensors);
    }

    private static void write(WritableByteChannel channel, ByteBuffer header, List<Tensor> tensors)
            throws IOException {
        writeFully(channel, header);
        for (Tensor tensor : tensors) {
            TensorMemory.read(tensor.array(), tensor.type(), bytes -> writeFully(channel, bytes));
        }
    }

    private static void writeFully(WritableByteChannel channel, ByteBuffer bytes)
            throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    private static List<Tensor> tensors(
            Map<String, ? extends NDArray> arrays, Map<String, DataType> types) {
        List<Tensor> tensors = new ArrayList<>();
        Set<String> names = new HashSet<>();
        arrays.forEach(
                (name, array) -> {
                    requireText("name", name);
                    if (name.equals(Header.METADATA) || !names.add(name)) {
                        throw new IllegalArgumentException(
                                "names must differ from each other and from __metadata__, got "
                                        + Quoted.of(name));
                    }
                    tensors.add(tensor(name, array, types.get(name)));
                });
        tensors.sort(ORDER);
        return tensors;
    }

    private static Tensor tensor(String name, NDArray array, @Nullable DataType type) {
        if (!(array instanceof PtNDArray values) || array.isSparse()) {
            throw new IllegalArgumentException(
                    "array "
                            + Quoted.of(name)
                            + " must be a dense array of the PyTorch engine, got "
                            + array.getClass().getSimpleName());
        }
        return new Tensor(name, values, TensorType.of(type == null ? array.getDataType() : type));
    }

    private static ByteBuffer header(Map<String, String> metadata, List<Tensor> tensors) {
        metadata.forEach(
                (name, text) -> {
                    requireText("name in metadata", name);
                    requireText("metadata " + Quoted.of(name), text);
                });
        List<TensorInfo> infos = new ArrayList<>();
        long offset = 0;
        for (Tensor tensor : tensors) {
            long end = offset + tensor.type().bytes(tensor.array().size());
            infos.add(
                    new TensorInfo(
                            tensor.name(), tensor.type(), tensor.array().getShape(), offset, end));
            offset = end;
        }
        return HeaderWriter.write(metadata, infos);
    }

    private static void requireText(String what, String text) {
        if (!Utf8.canHold(text)) {
            throw new IllegalArgumentException(what + " must be Unicode, got " + Quoted.of(text));
        }
    }
}
