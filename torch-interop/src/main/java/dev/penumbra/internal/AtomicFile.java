// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Files and folders that appear complete or not at all, also after a crash of the machine.
 *
 * <p>The content goes to a hidden file beside the target, {@code .<name>.<random>.tmp}, and to the
 * disk; then the file takes its name in one step. A process that is killed meanwhile leaves the
 * hidden file behind and the target as it was.
 */
public final class AtomicFile {

    private AtomicFile() {}

    /** Writes the content of a file. */
    @FunctionalInterface
    public interface Body {

        /**
         * Writes the content.
         *
         * @param channel the empty file, open for writing; closed by the caller
         * @throws IOException if the content cannot be written
         */
        void write(FileChannel channel) throws IOException;
    }

    /**
     * Writes a file, replacing one that exists.
     *
     * @param path the file
     * @param body writes the content; if it fails, the file stays as it was
     * @throws IOException if the file cannot be written
     */
    public static void write(Path path, Body body) throws IOException {
        Path name = Objects.requireNonNull(path.getFileName(), "path must have a name");
        String random = Long.toHexString(ThreadLocalRandom.current().nextLong());
        Path temporary = path.resolveSibling("." + name + "." + random + ".tmp");
        try {
            try (FileChannel channel =
                    FileChannel.open(
                            temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                body.write(channel);
                channel.force(true);
            }
            rename(temporary, path);
        } catch (IOException | RuntimeException | Error e) {
            deleteAfter(e, temporary);
            throw e;
        }
        forceFolder(path);
    }

    /**
     * Writes a file of text in UTF-8, replacing one that exists.
     *
     * @param path the file
     * @param text the text
     * @throws IOException if the file cannot be written; it is as it was before
     */
    public static void writeString(Path path, String text) throws IOException {
        ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
        write(
                path,
                channel -> {
                    while (bytes.hasRemaining()) {
                        channel.write(bytes);
                    }
                });
    }

    /**
     * Gives a finished file its name, once its content is on the disk.
     *
     * @param finished the file; on the same disk as the target
     * @param path the target, which is replaced if it exists
     * @throws IOException if that fails
     */
    public static void publish(Path finished, Path path) throws IOException {
        try (FileChannel channel = FileChannel.open(finished, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        rename(finished, path);
        forceFolder(path);
    }

    /**
     * Gives a folder whose files are on the disk its name.
     *
     * @param finished the folder; on the same disk as the target
     * @param path the target, which must not exist or be an empty folder
     * @throws IOException if that fails
     */
    public static void publishFolder(Path finished, Path path) throws IOException {
        Files.move(finished, path, StandardCopyOption.ATOMIC_MOVE);
        forceFolder(path);
    }

    private static void rename(Path from, Path to) throws IOException {
        Files.move(from, to, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Puts the name on the disk where folders can be opened; on Windows they cannot. */
    private static void forceFolder(Path path) throws IOException {
        Path folder = path.toAbsolutePath().getParent();
        if (folder == null) {
            return;
        }
        FileChannel channel;
        try {
            channel = FileChannel.open(folder, StandardOpenOption.READ);
        } catch (IOException e) {
            return;
        }
        try (channel) {
            channel.force(true);
        }
    }

    private static void deleteAfter(Throwable failure, Path temporary) {
        try {
            Files.deleteIfExists(temporary);
        } catch (IOException e) {
            failure.addSuppressed(e);
        }
    }
}
