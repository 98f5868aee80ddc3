// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class AtomicFileTest {

    @TempDir private Path folder;
    private Path path;

    @BeforeEach
    void setUp() {
        path = folder.resolve("a.txt");
    }

    @Test
    void writeString_isUtf8() throws IOException {
        AtomicFile.writeString(path, "\u00e9\ud83d\ude00\n");
        AtomicFile.writeString(path, "\u00e9\n");
        assertEquals("\u00e9\n", Files.readString(path));
        assertEquals(List.of(path), files());
    }

    private static void write(FileChannel channel, String text) throws IOException {
        channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    private List<Path> files() throws IOException {
        try (var files = Files.list(folder)) {
            return files.toList();
        }
    }

    @Test
    void write_replacesAsAWhole() throws IOException {
        AtomicFile.write(path, channel -> write(channel, "a long text"));
        AtomicFile.write(
                path,
                channel -> {
                    write(channel, "short");
                    assertEquals("a long text", Files.readString(path));
                    assertEquals(2, files().size());
                });
        assertEquals("short", Files.readString(path));
        assertEquals(List.of(path), files());
    }

    @Test
    void write_thatFails_changesNothing() throws IOException {
        AtomicFile.write(path, channel -> write(channel, "old"));
        for (Throwable failure :
                List.of(new IOException(), new IllegalStateException(), new AssertionError())) {
            Throwable thrown =
                    assertThrows(
                            failure.getClass(),
                            () ->
                                    AtomicFile.write(
                                            path,
                                            channel -> {
                                                write(channel, "new");
                                                sneak(failure);
                                            }));
            assertSame(failure, thrown);
            assertEquals("old", Files.readString(path));
            assertEquals(List.of(path), files());
        }
    }

    private static void sneak(Throwable failure) throws IOException {
        if (failure instanceof IOException e) {
            throw e;
        } else if (failure instanceof RuntimeException e) {
            throw e;
        }
        throw (Error) failure;
    }

    /** A folder cannot be replaced by a file. */
    @Test
    void write_thatCannotRename_leavesNothing() throws IOException {
        Files.createDirectories(path.resolve("inner"));
        assertThrows(
                FileSystemException.class,
                () -> AtomicFile.write(path, channel -> write(channel, "new")));
        assertEquals(List.of(path), files());
        assertTrue(Files.isDirectory(path.resolve("inner")));
    }

    @Test
    void write_intoAMissingFolder_fails() {
        Path missing = folder.resolve("none").resolve("a");
        assertThrows(
                NoSuchFileException.class,
                () -> AtomicFile.write(missing, channel -> write(channel, "new")));
    }

    /** A path without a folder of its own. */
    @Test
    void write_ofARelativePath() throws IOException {
        Path relative = Path.of("").toAbsolutePath().relativize(path);
        AtomicFile.write(relative, channel -> write(channel, "new"));
        assertEquals("new", Files.readString(path));
    }

    @Test
    void publish_replacesAsAWhole() throws IOException {
        Files.writeString(path, "old");
        Path finished = Files.writeString(folder.resolve("b"), "new");
        AtomicFile.publish(finished, path);
        assertEquals("new", Files.readString(path));
        assertEquals(List.of(path), files());
        assertThrows(NoSuchFileException.class, () -> AtomicFile.publish(finished, path));
        assertEquals("new", Files.readString(path));
    }
}
