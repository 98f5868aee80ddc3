// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.InputStream;

/** A stream over another one, all of whose bytes go through one method. */
abstract class WrappedInput extends InputStream {

    private final InputStream in;

    WrappedInput(InputStream in) {
        this.in = in;
    }

    /** Reads from the other stream. */
    final int wrapped(byte[] bytes, int offset, int length) throws IOException {
        return in.read(bytes, offset, length);
    }

    @Override
    public final int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public abstract int read(byte[] bytes, int offset, int length) throws IOException;

    @Override
    public final void close() throws IOException {
        in.close();
    }
}
