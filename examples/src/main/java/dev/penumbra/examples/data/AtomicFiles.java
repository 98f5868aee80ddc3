// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Files that appear complete or not at all.
 *
 * <p>The names of temporary files are fixed, so callers hold a {@link FolderLock}.
 */
final class AtomicFiles {

    static final String TEMPORARY = ".tmp";

    private AtomicFiles() {}

    /** Writes the content of a file. */
    interface Content {

        /** Writes all bytes. */
        void write(OutputStream out) throws IOException;
    }

    /** Writes the temporary files of some targets. */
    interface Work {

        /** Writes all of them. */
        void run() throws IOException;
    }

    /** Writes a file; of one that cannot be written to its end, nothing is left. */
    static void write(Path target, Content content) throws IOException {
        write(
                List.of(target),
                () -> {
                    try (OutputStream out = Files.newOutputStream(temporary(target))) {
                        content.write(out);
                    }
                });
    }

    /**
     * Writes files that appear when all are complete; where one cannot be, nothing is left.
     *
     * @param targets the files
     * @param work writes the {@link #temporary} files of all targets, none of which exists before
     */
    static void write(List<Path> targets, Work work) throws IOException {
        deleteTemporary(targets);
        try {
            work.run();
            for (Path target : targets) {
                publish(target);
            }
        } finally {
            deleteTemporary(targets);
        }
    }

    private static void deleteTemporary(List<Path> targets) throws IOException {
        for (Path target : targets) {
            Files.deleteIfExists(temporary(target));
        }
    }

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
