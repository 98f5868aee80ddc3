// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a file says about its tensors, checked against its length.
 *
 * @param dataStart where the values begin in the file
 * @param metadata the texts; unmodifiable
 * @param tensors the tensors by name, in the order of their values; unmodifiable
 */
record Header(long dataStart, Map<String, String> metadata, Map<String, TensorInfo> tensors) {

    static final int LENGTH_BYTES = Long.BYTES;
    static final int MAX_BYTES = 100_000_000;
    static final int MAX_RANK = 64;
    static final String METADATA = "__metadata__";

    /** Reads the header of a file. */
    static Header read(Path path, FileChannel channel) throws IOException {
        ForeignFile.refuse(path, channel);
        long fileLength = channel.size();
        int length = length(path, channel, fileLength);
        HeaderParser parser = new HeaderParser(path, new HeaderStream(channel, length));
        parser.parse();
        List<TensorInfo> tensors = new ArrayList<>(parser.tensors());
        tensors.sort(Comparator.comparingLong(TensorInfo::begin).thenComparing(TensorInfo::end));
        long dataStart = LENGTH_BYTES + (long) length;
        requireContiguous(path, tensors, fileLength - dataStart);
        Map<String, TensorInfo> byName = new LinkedHashMap<>();
        tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
        return new Header(
                dataStart,
                Collections.unmodifiableMap(parser.metadata()),
                Collections.unmodifiableMap(byName));
    }

    private static int length(Path path, FileChannel channel, long fileLength) throws IOException {
        if (fileLength < LENGTH_BYTES) {
            throw new SafetensorsException(
                    path, "file must have at least 8 bytes, got " + fileLength);
        }
        ByteBuffer bytes = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, bytes.position()) < 0) {
                throw new EOFException("Cannot read " + path + ": the file became shorter");
            }
        }
        long length = bytes.getLong(0);
        if (Long.compareUnsigned(length, MAX_BYTES) > 0) {
            throw new SafetensorsException(
                    path,
                    "header must have at most "
                            + MAX_BYTES
                            + " bytes, got "
                            + Long.toUnsignedString(length));
        }
        if (length > fileLength - LENGTH_BYTES) {
            throw new SafetensorsException(
                    path,
                    "header must end within the "
                            + fileLength
                            + " bytes of the file, got a header of "
                            + length
                            + " bytes");
        }
        return (int) length;
    }

    /** Each tensor begins where the one before ends, and the last ends with the file. */
    private static void requireContiguous(Path path, List<TensorInfo> tensors, long dataLength)
            throws SafetensorsException {
        long next = 0;
        for (TensorInfo tensor : tensors) {
            if (tensor.begin() != next) {
                throw new SafetensorsException(
                        path,
                        "data_offsets of tensor "
                                + Quoted.of(tensor.name())
                                + " must begin at "
                                + next
                                + ", got "
                                + tensor.begin());
            }
            next = tensor.end();
        }
        if (next != dataLength) {
            throw new SafetensorsException(
                    path,
                    "values must have the "
                            + next
                            + " bytes that the header describes, got "
                            + dataLength);
        }
    }
}
