// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class TensorFileTest {

    @TempDir private Path folder;
    private NDManager manager;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager("PyTorch");
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private Path write(Map<String, NDArray> arrays) throws IOException {
        Path path = folder.resolve("a.safetensors");
        TensorFile.write(path, Map.of("note", "\u03b3 \"1\""), arrays, Map.of());
        return path;
    }

    private Map<String, NDArray> arrays() {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put(
                "weight",
                manager.create(new float[] {1, -0f, Float.MIN_VALUE, 4, 5, 6}, new Shape(3, 2)));
        arrays.put("scalar", manager.create(2.5f));
        arrays.put("count", manager.create(new long[] {1L << 62}));
        arrays.put("empty", manager.zeros(new Shape(0, 4)));
        return arrays;
    }

    private static NDArray named(Map<String, NDArray> arrays, String name) {
        return Objects.requireNonNull(arrays.get(name), name);
    }

    private static void assertSame(NDArray expected, NDArray found) {
        assertEquals(expected.getShape(), found.getShape());
        assertEquals(expected.getDataType(), found.getDataType());
        assertEquals(expected.toByteBuffer(), found.toByteBuffer());
    }

    @Test
    void read_returnsWhatWasWritten() throws IOException {
        Map<String, NDArray> arrays = arrays();
        TensorFile file = TensorFile.open(write(arrays));
        assertEquals(Map.of("note", "\u03b3 \"1\""), file.metadata());
        Map<String, NDArray> read = file.read(manager);
        assertEquals(List.copyOf(arrays.keySet()), List.copyOf(read.keySet()));
        arrays.forEach((name, array) -> assertSame(array, named(read, name)));
    }

    @ParameterizedTest
    @EnumSource(names = {"FLOAT16", "FLOAT64", "INT8", "UINT8", "INT32", "BOOLEAN"})
    void everyType(DataType type) throws IOException {
        NDArray array = manager.create(new float[] {0, 1, 3}).toType(type, true);
        Map<String, NDArray> read = TensorFile.open(write(Map.of("a", array))).read(manager);
        assertSame(array, named(read, "a"));
    }

    /** Another reader of the format understands the file, whose values are aligned. */
    @Test
    void file_isStandard() throws IOException {
        Map<String, NDArray> arrays = arrays();
        arrays.remove("empty");
        Path path = write(arrays);
        try (InputStream in = Files.newInputStream(path)) {
            NDList read = NDList.decode(manager, in);
            arrays.forEach((name, array) -> assertSame(array, read.get(name)));
        }
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(path));
        assertEquals(0, bytes.order(ByteOrder.LITTLE_ENDIAN).getLong() % 8);
    }

    @Test
    void write_leavesNothingElse() throws IOException {
        Path path = write(arrays());
        write(arrays());
        try (var files = Files.list(folder)) {
            assertEquals(List.of(path), files.toList());
        }
    }

    /** A failure in the middle leaves the file of before. */
    @Test
    void write_thatFails_changesNothing() throws IOException {
        Path path = write(arrays());
        byte[] before = Files.readAllBytes(path);
        Map<String, NDArray> arrays = arrays();
        named(arrays, "count").close();
        assertThrows(IllegalStateException.class, () -> write(arrays));
        assertArrayEquals(before, Files.readAllBytes(path));
    }

    private static String failure(Path path) {
        IOException e = assertThrows(IOException.class, () -> TensorFile.open(path));
        return String.valueOf(e.getMessage());
    }

    @Test
    void open_rejectsAFileThatIsCutOff() throws IOException {
        Path path = write(arrays());
        byte[] bytes = Files.readAllBytes(path);
        Files.write(path, Arrays.copyOf(bytes, bytes.length - 1));
        assertEquals(
                "Cannot read "
                        + path
                        + ": it must have "
                        + bytes.length
                        + " bytes, got "
                        + (bytes.length - 1),
                failure(path));
        Files.write(path, Arrays.copyOf(bytes, 5));
        assertEquals("Cannot read " + path + ": it ends after 5 bytes", failure(path));
        Files.write(path, Arrays.copyOf(bytes, 20));
        long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
        assertEquals(
                "Cannot read " + path + ": its header must have 2 to 12 bytes, got " + header,
                failure(path));
    }

    @Test
    void open_namesAMissingFile() {
        Path path = folder.resolve("none.safetensors");
        NoSuchFileException e =
                assertThrows(NoSuchFileException.class, () -> TensorFile.open(path));
        assertEquals(path.toString(), e.getMessage());
    }

    private Path writeHeader(String header, int values) throws IOException {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes = ByteBuffer.allocate(8 + text.length + values);
        bytes.order(ByteOrder.LITTLE_ENDIAN).putLong(text.length).put(text);
        return Files.write(folder.resolve("b.safetensors"), bytes.array());
    }

    @Test
    void open_rejectsWrongSizes() throws IOException {
        Path path =
                writeHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8);
        assertEquals(
                "Cannot read " + path + ": array 'a' must have 12 bytes, got [0,8]", failure(path));
        writeHeader("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[-4,8]}}", 8);
        assertEquals(
                "Cannot read " + path + ": array 'a' must have 12 bytes, got [-4,8]",
                failure(path));
    }

    @Test
    void open_rejectsOtherContents() throws IOException {
        Path path =
                writeHeader("{\"a\":{\"dtype\":\"X9\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8);
        assertEquals(
                "Cannot read " + path + ": Unsupported safetensors dataType: X9", failure(path));
        writeHeader("not json", 0);
        assertTrue(failure(path).startsWith("Cannot read " + path + ": "));
    }
}
