// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads and checks image files in the IDX format.
 *
 * <p>A file is four big-endian integers, which are 2051, the number of images, 28 rows and 28
 * columns, and then a byte for each pixel, row by row.
 */
final class Idx {

    static final int SIDE = 28;
    static final int PIXELS = SIDE * SIDE;
    static final int HEADER = 4 * Integer.BYTES;
    static final int MAGIC = 2051;

    private Idx() {}

    /**
     * Returns the checksums of a folder with both files after comparing them with the expected
     * ones.
     *
     * @throws DataException if a file is missing, has another header, size or checksum
     */
    static Map<String, String> verify(Path folder, MnistLayout layout) throws IOException {
        List<MnistLayout.Part> parts = List.of(layout.train(), layout.test());
        for (MnistLayout.Part part : parts) {
            Records.requireFile(folder, part.name());
        }
        Map<String, String> sums = new LinkedHashMap<>();
        for (MnistLayout.Part part : parts) {
            sums.put(
                    part.name(),
                    copy(folder.resolve(part.name()), part, OutputStream.nullOutputStream()));
        }
        return Collections.unmodifiableMap(sums);
    }

    /** Copies a file that is not compressed and checks it, its header and size first. */
    static String copy(Path file, MnistLayout.Part part, OutputStream out) throws IOException {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] header = in.readNBytes(HEADER);
            if (header.length == HEADER) {
                requireHeader(ByteBuffer.wrap(header), file.toString(), part.images());
            }
        }
        Records.requireSize(file.toString(), part.bytes(), Files.size(file));
        try (InputStream in = Files.newInputStream(file)) {
            return copy(in, file.toString(), part, out);
        }
    }

    /**
     * Copies a file and checks it on the way.
     *
     * @param in the whole file, which stays open; read no further than to see that it is too large
     * @param file the name of the file for messages
     * @param part what it must be
     * @param out gets the bytes, also of a file that turns out to be wrong, but no more than the
     *     right one has; stays open
     * @return the checksum
     * @throws DataException if the file has another header, size or checksum
     */
    static String copy(InputStream in, String file, MnistLayout.Part part, OutputStream out)
            throws IOException {
        byte[] buffer = new byte[1 << 16];
        int n = in.readNBytes(buffer, 0, HEADER);
        if (n == HEADER) {
            requireHeader(ByteBuffer.wrap(buffer), file, part.images());
        }
        MessageDigest digest = Records.md5();
        long size = 0;
        for (; n > 0; n = in.read(buffer)) {
            size += n;
            if (size > part.bytes()) {
                throw new DataException(
                        "size of %s must be %d bytes, got more".formatted(file, part.bytes()));
            }
            digest.update(buffer, 0, n);
            out.write(buffer, 0, n);
        }
        Records.requireSize(file, part.bytes(), size);
        return Records.requireMd5(file, part.md5(), digest);
    }

    /**
     * Loads the first images of a file.
     *
     * @param manager owns the array and decides on the device
     * @param file the file, whose header is not looked at
     * @param images how many images to load
     * @return the images as UINT8; (N, 1, H, W)
     */
    static NDArray load(NDManager manager, Path file, int images) throws IOException {
        ByteBuffer pixels = manager.allocateDirect(Math.multiplyExact(images, PIXELS));
        try (FileChannel in = FileChannel.open(file)) {
            in.position(HEADER);
            while (pixels.hasRemaining()) {
                if (in.read(pixels) < 0) {
                    throw new DataException(
                            "%s must have %d images, got %d"
                                    .formatted(file, images, pixels.position() / PIXELS));
                }
            }
        }
        pixels.rewind();
        // On a CPU the array is the buffer, so there is no second copy.
        return manager.create(pixels, new Shape(images, 1, SIDE, SIDE), DataType.UINT8);
    }

    private static void requireHeader(ByteBuffer header, String file, int images)
            throws DataException {
        requireField("magic number", file, MAGIC, header.getInt());
        requireField("number of images", file, images, header.getInt());
        requireField("number of rows", file, SIDE, header.getInt());
        requireField("number of columns", file, SIDE, header.getInt());
    }

    private static void requireField(String field, String file, int expected, int got)
            throws DataException {
        if (got != expected) {
            throw new DataException(
                    "%s of %s must be %d, got %d".formatted(field, file, expected, got));
        }
    }
}
