// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Base64;

/** Numbers as a text that keeps every bit. */
final class DoubleWriter {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    DoubleWriter put(double value) {
        bytes.writeBytes(ByteBuffer.allocate(Double.BYTES).putDouble(value).array());
        return this;
    }

    /** A whole number of at most 53 bits. */
    DoubleWriter put(long value) {
        return put((double) value);
    }

    DoubleWriter put(double[] values) {
        for (double value : values) {
            put(value);
        }
        return this;
    }

    String text() {
        return Base64.getEncoder().encodeToString(bytes.toByteArray());
    }
}
