// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.nio.ByteBuffer;
import java.util.Base64;

/**
 * Reads what a {@link DoubleWriter} wrote. Of anything else it throws {@link
 * java.nio.BufferUnderflowException} or {@link IllegalArgumentException}.
 */
final class DoubleReader {

    private final ByteBuffer bytes;

    DoubleReader(String text) {
        bytes = ByteBuffer.wrap(Base64.getDecoder().decode(text));
    }

    double next() {
        return bytes.getDouble();
    }

    /** A number of things that are still to be read, each of one number at least. */
    int nextCount() {
        double count = next();
        int left = bytes.remaining() / Double.BYTES;
        if (!(count >= 0 && count <= left && count == Math.rint(count))) {
            throw new IllegalArgumentException(
                    "count must be a whole number in [0, " + left + "], got " + count);
        }
        return (int) count;
    }

    double[] next(int count) {
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = next();
        }
        return values;
    }

    boolean hasNext() {
        return bytes.hasRemaining();
    }
}
