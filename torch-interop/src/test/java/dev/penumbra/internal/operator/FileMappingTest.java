// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class FileMappingTest {

    @TempDir private Path folder;
    private NDManager manager;
    private byte[] bytes;
    private Path path;

    @BeforeEach
    void setUp() throws IOException {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        bytes = new byte[64];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i % 2);
        }
        path = Files.write(folder.resolve("\u00e9 a.bin"), bytes);
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    @ParameterizedTest
    @EnumSource(
            names = {
                "FLOAT32",
                "FLOAT64",
                "FLOAT16",
                "UINT8",
                "INT8",
                "INT32",
                "INT64",
                "BOOLEAN",
                "COMPLEX64"
            })
    void map_seesTheFile(DataType type) {
        NDArray array = FileMapping.map(path, 16, type, new Shape(2, 1, 3), manager);
        assertEquals(type, array.getDataType());
        assertEquals(new Shape(2, 1, 3), array.getShape());
        int length = array.toByteBuffer().remaining();
        assertEquals(ByteBuffer.wrap(bytes, 16, length), array.toByteBuffer());
        assertEquals(List.of(array), manager.getManagedArrays());
    }

    @Test
    void changes_stayInMemory() throws IOException {
        NDArray array = FileMapping.map(path, 0, DataType.UINT8, new Shape(64), manager);
        array.addi(7);
        assertEquals(8, array.getUint8(1));
        assertArrayEquals(bytes, Files.readAllBytes(path));
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void mapping_endsWithTheLastArray() throws IOException {
        NDArray array = FileMapping.map(path, 0, DataType.UINT8, new Shape(64), manager);
        NDArray view = array.get("2:4");
        array.close();
        assertTrue(isMapped());
        assertEquals(1, view.getUint8(1));
        view.close();
        assertFalse(isMapped());
    }

    private static boolean isMapped() throws IOException {
        return Files.readString(Path.of("/proc/self/maps")).contains(" a.bin");
    }

    @Test
    void arguments_areChecked() {
        Exception e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> FileMapping.map(path, 6, DataType.INT32, new Shape(1), manager));
        assertEquals("begin must be a multiple of 4, got 6", e.getMessage());
        e =
                assertThrows(
                        IllegalArgumentException.class,
                        () -> FileMapping.map(path, 0, DataType.BFLOAT16, new Shape(1), manager));
        assertEquals("type must be one that arrays have, got bfloat16", e.getMessage());
    }

    @Test
    void fileThatIsTooShort_isRefused() {
        assertThrows(
                EngineException.class,
                () -> FileMapping.map(path, 0, DataType.UINT8, new Shape(65), manager));
        assertThrows(
                EngineException.class,
                () ->
                        FileMapping.map(
                                folder.resolve("none"), 0, DataType.UINT8, new Shape(1), manager));
        assertEquals(List.of(), manager.getManagedArrays());
    }
}
