// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A tar archive that is compressed with gzip, of which some entries are wanted.
 *
 * <p>A small archive can unpack to anything. So it is read no further than its last wanted entry, a
 * wanted entry that is too large is refused by its header, and what lies between has limits in
 * number and size.
 *
 * @param file the archive
 * @param limits how much of it is read at most
 */
record TarGz(Path file, Limits limits) {

    /* For the headers of one entry, among them those of a long name. */
    private static final int HEADERS = 1 << 16;

    /**
     * How much of an archive is read at most.
     *
     * @param entries the number of entries, wanted or not
     * @param bytes the unpacked size of all entries together, in bytes
     */
    record Limits(int entries, long bytes) {

        /** Returns limits that the archives of image data sets are far from. */
        static Limits standard() {
            return new Limits(1_000, 1 << 29);
        }
    }

    /**
     * An entry that is wanted.
     *
     * @param largest the largest size that it may have, in bytes
     * @param reader reads it
     */
    record Wanted(long largest, EntryReader reader) {}

    /** Reads one entry of the archive. */
    interface EntryReader {

        /**
         * Reads an entry.
         *
         * @param content its bytes; valid only during the call
         */
        void read(InputStream content) throws IOException;
    }

    /**
     * Passes each wanted entry to its reader once, in the order of the archive.
     *
     * @param wanted the entries by name
     * @throws DataException if an entry is missing or too large, or the archive is damaged or
     *     beyond a limit
     */
    void read(Map<String, Wanted> wanted) throws IOException {
        Map<String, Wanted> missing = new HashMap<>(wanted);
        try (Allowance in = new Allowance(new GzipFile(file).open(limits.bytes()));
                TarArchiveInputStream tar = new TarArchiveInputStream(in)) {
            long bytes = 0;
            for (int entries = 1; !missing.isEmpty(); entries++) {
                TarArchiveEntry entry = next(tar);
                if (entry == null) {
                    break;
                }
                requireAtMost("number of entries in " + file, limits.entries(), entries, "");
                long size = entry.getSize();
                @Nullable Wanted found = missing.remove(entry.getName());
                if (found != null) {
                    requireAtMost("size of " + entry.getName(), found.largest(), size, " bytes");
                }
                // A sum of sizes could be beyond the range of a long.
                bytes += Math.min(size, limits.bytes() + 1);
                requireAtMost("size of all entries in " + file, limits.bytes(), bytes, " bytes");
                in.allow(size);
                if (found != null) {
                    found.reader().read(tar);
                }
            }
        }
        if (!missing.isEmpty()) {
            throw new DataException(
                    "%s must contain %s, got an archive without it"
                            .formatted(file, missing.keySet().stream().sorted().toList().get(0)));
        }
    }

    private @Nullable TarArchiveEntry next(TarArchiveInputStream tar) throws IOException {
        TarArchiveEntry entry;
        try {
            entry = tar.getNextEntry();
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(
                    "%s must be a whole tar archive, got %s".formatted(file, Messages.of(e)), e);
        }
        // What is left out of such an entry reads as zeros, which no limit above would count.
        if (entry != null && entry.isSparse()) {
            throw new DataException(
                    "%s must have entries without holes, got %s".formatted(file, entry.getName()));
        }
        return entry;
    }

    private static void requireAtMost(String what, long largest, long got, String unit)
            throws DataException {
        if (got > largest) {
            throw new DataException(
                    "%s must be at most %d%s, got %d".formatted(what, largest, unit, got));
        }
    }

    /** Ends where an entry with the headers of the next one must have ended. */
    private final class Allowance extends WrappedInput {

        private long left = HEADERS;

        Allowance(InputStream in) {
            super(in);
        }

        /** Allows to read an entry, and the headers of the next one. */
        void allow(long size) {
            left = size + HEADERS;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            if (left == 0 && length > 0) {
                throw new DataException(
                        "headers of an entry in %s must have at most %d bytes, got more"
                                .formatted(file, HEADERS));
            }
            int n = wrapped(bytes, offset, (int) Math.min(length, left));
            left -= Math.max(n, 0);
            return n;
        }
    }
}
