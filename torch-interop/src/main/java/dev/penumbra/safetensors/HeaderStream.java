// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** The bytes of a file's header, read in small pieces and without moving the channel. */
final class HeaderStream extends InputStream {

    private final FileChannel channel;
    private final long end;
    private long position = Header.LENGTH_BYTES;

    HeaderStream(FileChannel channel, int length) {
        this.channel = channel;
        end = Header.LENGTH_BYTES + (long) length;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : Byte.toUnsignedInt(one[0]);
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (position == end) {
            return -1;
        }
        int count = (int) Math.min(length, end - position);
        int done = channel.read(ByteBuffer.wrap(bytes, offset, count), position);
        if (done > 0) {
            position += done;
        }
        return done;
    }
}
