// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/** A file, or a folder with everything in it. */
public final class FileTree {

    private FileTree() {}

    /**
     * Deletes a file, or a folder with everything in it. Of a link only the link goes.
     *
     * @param path the file or folder
     * @throws IOException if something in it cannot be deleted, or it is missing
     */
    public static void delete(Path path) throws IOException {
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path each : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(each);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
