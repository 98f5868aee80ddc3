// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Files assembled byte by byte. */
final class FileBytes {

    private FileBytes() {}

    /** A header with its length, and values. */
    static byte[] of(String header, byte... values) {
        return of(header.getBytes(StandardCharsets.UTF_8), values);
    }

    static byte[] of(byte[] header, byte... values) {
        return withLength(header.length, header, values);
    }

    /** A header with another length than its own, and values. */
    static byte[] withLength(long length, byte[] header, byte... values) {
        ByteBuffer file = ByteBuffer.allocate(Long.BYTES + header.length + values.length);
        file.order(ByteOrder.LITTLE_ENDIAN).putLong(length).put(header).put(values);
        return file.array();
    }

    /** The length that a file says its header has. */
    static long length(byte[] file) {
        return ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    }

    static byte[] header(byte[] file) {
        return Arrays.copyOfRange(file, Long.BYTES, Long.BYTES + (int) length(file));
    }

    static byte[] values(byte[] file) {
        return Arrays.copyOfRange(file, Long.BYTES + (int) length(file), file.length);
    }
}
