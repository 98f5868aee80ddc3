// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * A tar archive that is compressed with gzip.
 *
 * @param file the archive
 */
record TarGz(Path file) {

    /** Reads one entry of the archive. */
    interface EntryReader {

        /**
         * Reads an entry, or leaves it alone.
         *
         * @param name the name of the entry
         * @param content its bytes; valid only during the call
         */
        void read(String name, InputStream content) throws IOException;
    }

    /** Passes every entry to a reader, in the order of the archive. */
    void forEach(EntryReader reader) throws IOException {
        try (TarArchiveInputStream tar =
                new TarArchiveInputStream(
                        new GZIPInputStream(Files.newInputStream(file), 1 << 16))) {
            for (TarArchiveEntry entry = tar.getNextEntry();
                    entry != null;
                    entry = tar.getNextEntry()) {
                reader.read(entry.getName(), tar);
            }
        }
    }

    /**
     * Checks that every entry was there.
     *
     * @param missing the names of the entries that were not
     * @throws DataException if there are such names; it tells the first in alphabetical order
     */
    void requireNone(Collection<String> missing) throws DataException {
        if (!missing.isEmpty()) {
            throw new DataException(
                    "%s must contain %s, got an archive without it"
                            .formatted(file, missing.stream().sorted().toList().get(0)));
        }
    }
}
