// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * Files that appear complete or not at all.
 *
 * <p>The names of temporary files are fixed, so callers hold a {@link FolderLock}.
 */
final class AtomicFiles {

    static final String TEMPORARY = ".tmp";

    private AtomicFiles() {}

    /** Returns where to write a file before {@link #publish}. */
    static Path temporary(Path target) {
        return target.resolveSibling(target.getFileName() + TEMPORARY);
    }

    /** Gives a temporary file its final name in one step. */
    static void publish(Path target) throws IOException {
        move(temporary(target), target);
    }

    static void move(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Deletes what a killed process left behind, but not partial downloads. */
    static void clean(Path folder) throws IOException {
        try (DirectoryStream<Path> leftovers =
                Files.newDirectoryStream(folder, "*" + TEMPORARY + "*")) {
            for (Path leftover : leftovers) {
                delete(leftover);
            }
        }
    }

    /** Deletes a file or a folder with all its files. */
    static void delete(Path path) throws IOException {
        try (Stream<Path> tree = Files.walk(path)) {
            for (Path p : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(p);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
