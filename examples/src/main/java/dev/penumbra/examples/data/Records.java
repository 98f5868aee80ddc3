// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads and checks files of records: 1 label byte, then 1024 R, 1024 G and 1024 B bytes. */
final class Records {

    static final int PLANE = 32 * 32;
    static final int PIXELS = 3 * PLANE;
    static final int SIZE = 1 + PIXELS;

    private static final int CHUNK = 256;
    private static final int LABELS = 10;

    private Records() {}

    /** Receives the records of a stream, some at a time. */
    interface Sink {

        /**
         * Takes some records, whose labels are in [0, 9].
         *
         * @param chunk the records; valid only during the call
         * @param records the number of records in the chunk
         */
        void accept(byte[] chunk, int records);
    }

    /**
     * Reads records in small chunks.
     *
     * @param in the stream, which stays open
     * @param file the name of the stream for messages
     * @param first the number of the first record for messages
     * @param records the number of records to read
     * @param sink where they go
     */
    static void read(InputStream in, String file, long first, long records, Sink sink)
            throws IOException {
        byte[] chunk = new byte[(int) Math.min(CHUNK, records) * SIZE];
        for (long done = 0; done < records; ) {
            int n = (int) Math.min(CHUNK, records - done);
            int got = in.readNBytes(chunk, 0, n * SIZE);
            if (got != n * SIZE) {
                throw new DataException(
                        "%s must have %d records, got %d"
                                .formatted(file, first + records, first + done + got / SIZE));
            }
            for (int i = 0; i < n; i++) {
                int label = chunk[i * SIZE] & 0xff;
                if (label >= LABELS) {
                    throw new DataException(
                            "label of record %d in %s must be in [0, 9], got %d"
                                    .formatted(first + done + i, file, label));
                }
            }
            sink.accept(chunk, n);
            done += n;
        }
    }

    /**
     * Returns the checksums of a folder in DJL's layout after comparing them with the expected
     * ones.
     *
     * @throws DataException if a file is missing, has another size, label or checksum
     */
    static Map<String, String> verify(Path folder, Layout layout) throws IOException {
        requireFile(folder, Layout.TRAIN_FILE);
        requireFile(folder, Layout.TEST_FILE);
        Map<String, String> sums = new LinkedHashMap<>();
        verifyFile(folder.resolve(Layout.TRAIN_FILE), layout.train(), sums);
        verifyFile(folder.resolve(Layout.TEST_FILE), List.of(layout.test()), sums);
        return Collections.unmodifiableMap(sums);
    }

    static void requireFile(Path folder, String name) throws DataException {
        if (!Files.isRegularFile(folder.resolve(name))) {
            throw new DataException(
                    "data folder must contain %s, got %s without it".formatted(name, folder));
        }
    }

    /** Returns the exception for a folder that has neither of two files. */
    static DataException without(Path folder, String first, String second) {
        return new DataException(
                "data folder must contain %s or %s, got %s without them"
                        .formatted(first, second, folder));
    }

    /** Checks one file and adds the checksums of its parts. */
    static void verifyFile(Path file, List<Layout.Part> parts, Map<String, String> sums)
            throws IOException {
        requireSize(file, parts.stream().mapToLong(Layout.Part::bytes).sum());
        long first = 0;
        try (InputStream in = Files.newInputStream(file)) {
            for (Layout.Part part : parts) {
                MessageDigest digest = md5();
                read(
                        in,
                        file.toString(),
                        first,
                        part.records(),
                        (chunk, n) -> digest.update(chunk, 0, n * SIZE));
                sums.put(part.name(), requireMd5(part, file, digest));
                first += part.records();
            }
        }
    }

    /** Returns the checksum of a part if it is the expected one. */
    static String requireMd5(Layout.Part part, Path file, MessageDigest digest)
            throws DataException {
        String where = file.endsWith(part.name()) ? "" : part.name() + " in ";
        return requireMd5(where + file, part.md5(), digest);
    }

    /** Returns a checksum if it is the expected one. */
    static String requireMd5(String what, String md5, MessageDigest digest) throws DataException {
        String sum = HexFormat.of().formatHex(digest.digest());
        if (!sum.equals(md5)) {
            throw new DataException("MD5 of %s must be %s, got %s".formatted(what, md5, sum));
        }
        return sum;
    }

    /** Returns the digest of the published checksums, which guard against damage, not malice. */
    static MessageDigest md5() {
        return digest("MD5");
    }

    static MessageDigest digest(String algorithm) {
        try {
            return MessageDigest.getInstance(algorithm);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has " + algorithm, e);
        }
    }

    private static void requireSize(Path file, long expected) throws IOException {
        long size = Files.size(file);
        if (size % SIZE != 0) {
            throw new DataException(
                    "size of %s must be a multiple of 3073 bytes, got %d".formatted(file, size));
        }
        requireSize(file.toString(), expected, size);
    }

    static void requireSize(String what, long expected, long size) throws DataException {
        if (size != expected) {
            throw new DataException(
                    "size of %s must be %d bytes, got %d".formatted(what, expected, size));
        }
    }
}
