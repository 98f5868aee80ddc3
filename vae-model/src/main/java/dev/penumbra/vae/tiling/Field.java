// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A computed activation, whose values are in a temporary file until it is closed.
 *
 * <p>The file has the channels one after the other, so that rows of a channel are one piece.
 */
final class Field implements Rows, AutoCloseable {

    private final FileChannel file;
    private final Shape shape;
    private final DataType type;
    private final Device device;

    /**
     * Makes a field without values.
     *
     * @param folder where the file is
     * @param shape the shape; (1, C, H, W)
     * @param type the type of the values
     * @param device where rows are had
     */
    Field(Path folder, Shape shape, DataType type, Device device) throws IOException {
        this.shape = shape;
        this.type = type;
        this.device = device;
        file =
                FileChannel.open(
                        Files.createTempFile(folder, "penumbra-activation", ".tmp"),
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.DELETE_ON_CLOSE);
    }

    @Override
    public Shape shape() {
        return shape;
    }

    @Override
    public NDArray rows(NDManager scope, long from, long to) throws IOException {
        Shape part = new Shape(1, shape.get(1), to - from, shape.get(3));
        NDArray tile = scope.create(part, type, Device.cpu());
        ByteBuffer bytes = tile.toByteBuffer(true);
        for (long channel = 0; channel < shape.get(1); channel++) {
            long position = piece(bytes, channel, from, to);
            while (bytes.hasRemaining()) {
                int read = file.read(bytes, position);
                if (read < 0) {
                    throw new EOFException("rows must be written before they are read");
                }
                position += read;
            }
        }
        if (device.equals(Device.cpu())) {
            return tile;
        }
        try (tile) {
            NDArray moved = tile.toDevice(device, true);
            moved.attach(scope);
            return moved;
        }
    }

    /** Writes rows from a first one on; (1, C, rows, W). */
    void write(long from, NDArray tile) throws IOException {
        ByteBuffer bytes = tile.toByteBuffer(true);
        long to = from + tile.getShape().get(2);
        for (long channel = 0; channel < shape.get(1); channel++) {
            long position = piece(bytes, channel, from, to);
            while (bytes.hasRemaining()) {
                position += file.write(bytes, position);
            }
        }
    }

    /** Limits a buffer of rows to a channel, and returns where that is in the file. */
    private long piece(ByteBuffer bytes, long channel, long from, long to) {
        long row = shape.get(3) * type.getNumOfBytes();
        long size = (to - from) * row;
        bytes.limit(Math.toIntExact((channel + 1) * size));
        bytes.position(Math.toIntExact(channel * size));
        return (channel * shape.get(2) + from) * row;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
