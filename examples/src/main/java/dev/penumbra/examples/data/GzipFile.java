// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.commons.compress.compressors.gzip.GzipCompressorInputStream;

/**
 * A file that is compressed with gzip.
 *
 * <p>What it unpacks to may be a thousand times its size and has no limit here: who reads it stops
 * where enough was read.
 *
 * @param file the file
 */
record GzipFile(Path file) {

    private static final int BUFFER = 1 << 16;

    /* Packing what cannot be made smaller adds less than a thousandth; names come on top. */
    private static final int OVERHEAD = 1_000;
    private static final long NAMES = 1 << 16;

    /**
     * Opens the file.
     *
     * @param unpacked the most bytes that are wanted of it
     * @return the unpacked bytes, to be closed by the caller; where the file is damaged, reading
     *     throws a {@link DataException} that names it
     * @throws DataException if the file is larger than so many bytes can become, or does not begin
     *     as a gzip file
     */
    InputStream open(long unpacked) throws IOException {
        long largest = unpacked + unpacked / OVERHEAD + NAMES;
        long size = Files.size(file);
        if (size > largest) {
            throw new DataException(
                    "size of %s must be at most %d bytes, got %d".formatted(file, largest, size));
        }
        InputStream in = Files.newInputStream(file);
        try {
            // Java's own class goes one call deeper for each empty part of a file.
            return new Content(
                    GzipCompressorInputStream.builder()
                            .setInputStream(in)
                            .setBufferSize(BUFFER)
                            .setDecompressConcatenated(true)
                            .get());
        } catch (IOException e) {
            in.close();
            throw damaged(e);
        }
    }

    private DataException damaged(IOException cause) {
        return new DataException(
                "%s must be a whole gzip file, got %s".formatted(file, Messages.of(cause)), cause);
    }

    /** Tells failures of reading from those of whoever writes what was read. */
    private final class Content extends WrappedInput {

        Content(InputStream in) {
            super(in);
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            try {
                return wrapped(bytes, offset, length);
            } catch (IOException e) {
                throw damaged(e);
            }
        }
    }
}
