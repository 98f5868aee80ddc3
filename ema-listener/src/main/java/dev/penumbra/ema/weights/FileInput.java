// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** The bytes of a file from a position on, without moving the channel. */
class FileInput extends InputStream {

    private final FileChannel channel;
    private final long size;
    private final ByteBuffer buffer;
    private long position;

    FileInput(FileChannel channel, long position, int bufferSize) throws IOException {
        this.channel = channel;
        this.position = position;
        size = channel.size();
        buffer = ByteBuffer.allocate(bufferSize).limit(0);
    }

    final FileChannel channel() {
        return channel;
    }

    /** The position in the file of the byte that is read next. */
    final long position() {
        return position - buffer.remaining();
    }

    /** The bytes from the position to the end of the file. */
    final long left() {
        return size - position();
    }

    @Override
    public int read() throws IOException {
        if (!buffer.hasRemaining()) {
            buffer.clear();
            fill(buffer);
            buffer.flip();
        }
        return buffer.hasRemaining() ? Byte.toUnsignedInt(buffer.get()) : -1;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (buffer.hasRemaining()) {
            int count = Math.min(length, buffer.remaining());
            buffer.get(bytes, offset, count);
            return count;
        }
        return fill(ByteBuffer.wrap(bytes, offset, length));
    }

    private int fill(ByteBuffer target) throws IOException {
        int count = channel.read(target, position);
        position += Math.max(count, 0);
        return count;
    }
}
