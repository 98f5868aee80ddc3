// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.testing.NativeMemory;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Reading and writing leave nothing in native memory, nor open files. */
@EnabledOnOs(OS.LINUX)
final class SafetensorsMemoryTest {

    /** A native value takes 32 bytes; an array, the least that could be left, some hundred. */
    private static final int CALLS = 5000;

    private static final long BOUND_KIB = 350;

    @TempDir private Path folder;
    private NDManager manager;
    private Path path;
    private Map<String, NDArray> arrays;

    @BeforeEach
    void setUp() throws IOException {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        path = folder.resolve("a.safetensors");
        arrays = new HashMap<>();
        arrays.put("a", manager.ones(new Shape(20, 3)));
        arrays.put("b", manager.ones(new Shape(20, 3)).transpose());
        arrays.put("c", manager.ones(new Shape(2), DataType.COMPLEX64));
        SafetensorsWriter.write(path, arrays, Map.of("k", "v"));
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    /** An action on the file. */
    private interface Use {
        void run(SafetensorsFile file, NDManager scope) throws IOException;
    }

    private void assertFlat(Use use) throws IOException {
        int managed = manager.getManagedArrays().size();
        long open = openFiles();
        NativeMemory.assertFlat(
                CALLS,
                BOUND_KIB,
                () -> {
                    try (SafetensorsFile file = SafetensorsFile.open(path);
                            NDManager scope = manager.newSubManager()) {
                        use.run(file, scope);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
        assertEquals(managed, manager.getManagedArrays().size());
        assertEquals(open, openFiles());
    }

    /** Those in the test's folder: what else the process opens is not ours. */
    private long openFiles() throws IOException {
        try (var files = Files.list(Path.of("/proc/self/fd"))) {
            return files.filter(file -> target(file).startsWith(folder)).count();
        }
    }

    private static Path target(Path link) {
        try {
            return Files.readSymbolicLink(link);
        } catch (IOException e) {
            // It has been closed meanwhile.
            return link;
        }
    }

    @Test
    void readAll() throws IOException {
        assertFlat(SafetensorsFile::readAll);
    }

    @Test
    void readInto() throws IOException {
        assertFlat(
                (file, scope) -> {
                    for (Map.Entry<String, NDArray> entry : arrays.entrySet()) {
                        file.readInto(entry.getKey(), entry.getValue());
                    }
                });
    }

    @Test
    void mappedArrays() throws IOException {
        assertFlat((file, scope) -> file.map("a", scope).addi(1));
    }

    @Test
    void write() throws IOException {
        assertFlat(
                (file, scope) -> {
                    try (OutputStream nowhere = OutputStream.nullOutputStream()) {
                        SafetensorsWriter.write(Channels.newChannel(nowhere), arrays, Map.of());
                    }
                });
    }

    @Test
    void refusedFile() throws IOException {
        Path refused = Files.write(folder.resolve("b"), FileBytes.of("{\"a\":1}"));
        assertFlat(
                (file, scope) -> {
                    try {
                        SafetensorsFile.open(refused).close();
                    } catch (SafetensorsException e) {
                        return;
                    }
                    throw new AssertionError("the file is refused");
                });
    }
}
