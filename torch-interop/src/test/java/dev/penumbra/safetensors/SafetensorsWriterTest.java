// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.util.passthrough.PassthroughNDArray;
import ai.djl.util.passthrough.PassthroughNDManager;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

final class SafetensorsWriterTest {

    @TempDir private Path folder;
    private NDManager manager;
    private Path path;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
        path = folder.resolve("a.safetensors");
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    private static byte[] write(Map<String, NDArray> arrays, Map<String, String> metadata)
            throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        SafetensorsWriter.write(Channels.newChannel(bytes), arrays, metadata);
        return bytes.toByteArray();
    }

    private static String header(byte[] file) {
        return new String(FileBytes.header(file), StandardCharsets.UTF_8);
    }

    private static String failure(Executable action) {
        return String.valueOf(assertThrows(IllegalArgumentException.class, action).getMessage());
    }

    @Test
    void bytes_areTheReferences() throws IOException {
        NDArray array = manager.create(new int[] {1, 2, 0x01020304, -1}, new Shape(2, 2));
        String header = "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
        byte[] values = {1, 0, 0, 0, 2, 0, 0, 0, 4, 3, 2, 1, -1, -1, -1, -1};
        assertArrayEquals(
                FileBytes.of(header + " ".repeat(4), values),
                write(Map.of("test", array), Map.of()));
        assertArrayEquals(FileBytes.of("{}      "), write(Map.of(), Map.of()));
        assertArrayEquals(
                FileBytes.of("{\"__metadata__\":{\"a\":\"b\"}}      "),
                write(Map.of(), Map.of("a", "b")));
    }

    /** Wide types first, so that each value is aligned; then the order of code points. */
    @Test
    void tensors_areSorted() throws IOException {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        arrays.put("a", manager.create(new boolean[1]));
        arrays.put("b", manager.create(new byte[1]));
        arrays.put("\ud800\udc00", manager.create(new float[1]));
        arrays.put("\uffff", manager.create(new float[1]));
        arrays.put("ab", manager.create(new float[1]));
        arrays.put("a\u0000", manager.create(new float[1]));
        arrays.put("aa", manager.create(new long[1]));
        byte[] file = write(arrays, Map.of());
        try (SafetensorsFile read = SafetensorsFile.open(Files.write(path, file))) {
            assertEquals(
                    List.of("aa", "a\u0000", "ab", "\uffff", "\ud800\udc00", "b", "a"),
                    List.copyOf(read.tensors().keySet()));
        }
        assertEquals(0, FileBytes.length(file) % 8);
    }

    @Test
    void metadata_isEscapedAndSorted() throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("b", "</a>&'=\u2028");
        metadata.put("a", "\"\\/\b\f\n\r\t\u0000\u001f\u007f\u00e9\ud83d\ude00");
        assertEquals(
                "{\"__metadata__\":{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u00e9"
                        + "\ud83d\ude00\",\"b\":\"</a>&'=\u2028\"}}",
                header(write(Map.of(), metadata)).stripTrailing());
    }

    @Test
    void views_areWrittenInTheirOrder() throws IOException {
        NDArray base = manager.create(new float[] {0, 1, 2, 3, 4, 5}, new Shape(2, 3));
        float[] transposed = {0, 3, 1, 4, 2, 5};
        float[] column = {1, 4};
        float[] repeated = {0, 0, 1, 1, 2, 2};
        Map<String, NDArray> arrays =
                Map.of(
                        "transposed", base.transpose(),
                        "column", base.get(":, 1"),
                        "repeated", base.get("0").reshape(3, 1).broadcast(new Shape(3, 2)));
        int managed = manager.getManagedArrays().size();
        SafetensorsWriter.write(path, arrays, Map.of());
        assertEquals(managed, manager.getManagedArrays().size());
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertArrayEquals(transposed, file.read("transposed", manager).toFloatArray());
            assertArrayEquals(column, file.read("column", manager).toFloatArray());
            assertArrayEquals(repeated, file.read("repeated", manager).toFloatArray());
        }
    }

    /** Views of more than a piece, whose rows are smaller and larger than one. */
    @Test
    void largeViews_areWrittenPieceByPiece() throws IOException {
        for (Shape shape : List.of(new Shape(5_000_000, 2), new Shape(3, 5_000_000, 1))) {
            try (NDManager scope = manager.newSubManager()) {
                NDArray array = scope.arange((int) shape.size()).reshape(shape);
                NDArray view = array.swapAxes(0, 1);
                SafetensorsWriter.write(path, Map.of("a", view), Map.of());
                try (SafetensorsFile file = SafetensorsFile.open(path)) {
                    NDArray read = file.read("a", scope);
                    assertEquals(view.getShape(), read.getShape());
                    assertTrue(read.eq(view).all().getBoolean());
                    NDArray target = scope.zeros(shape, DataType.INT32).swapAxes(0, 1);
                    file.readInto("a", target);
                    assertTrue(target.eq(view).all().getBoolean());
                }
            }
        }
    }

    @Test
    void types_convertWhileWriting() throws IOException {
        NDArray array = manager.create(new double[] {1, 1e-3, 65504, -2});
        NDArray other = manager.create(new float[] {3});
        Map<String, NDArray> arrays = Map.of("a", array, "b", other);
        SafetensorsWriter.write(path, arrays, Map.of(), Map.of("a", DataType.FLOAT16));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertEquals(
                    array.toType(DataType.FLOAT16, true).toByteBuffer(),
                    file.read("a", manager).toByteBuffer());
            assertEquals(DataType.FLOAT32, file.read("b", manager).getDataType());
        }
        assertEquals(
                "type must be one of boolean, uint8, int8, float16, int32, float32, complex64,"
                        + " float64, int64, got bfloat16",
                failure(
                        () ->
                                SafetensorsWriter.write(
                                        path, arrays, Map.of(), Map.of("a", DataType.BFLOAT16))));
    }

    @Test
    void names_areChecked() {
        NDArray array = manager.create(1f);
        String differ = "names must differ from each other and from __metadata__, got ";
        assertEquals(
                differ + "'__metadata__'",
                failure(() -> write(Map.of("__metadata__", array), Map.of())));
        IdentityHashMap<String, NDArray> twice = new IdentityHashMap<>();
        twice.put("a", array);
        twice.put(new String(new char[] {'a'}), array);
        assertEquals(differ + "'a'", failure(() -> write(twice, Map.of())));
        assertEquals(
                "name must be Unicode, got 'a\\ud800'",
                failure(() -> write(Map.of("a\ud800", array), Map.of())));
        assertEquals(
                "name must be Unicode, got '\\udc00\\ud800'",
                failure(() -> write(Map.of("\udc00\ud800", array), Map.of())));
        assertEquals(
                "name in metadata must be Unicode, got '\\ud800b'",
                failure(() -> write(Map.of(), Map.of("\ud800b", ""))));
        assertEquals(
                "metadata 'a' must be Unicode, got '\\udc00'",
                failure(() -> write(Map.of(), Map.of("a", "\udc00"))));
    }

    @Test
    void arrays_areDenseAndOfTheEngine() {
        NDManager other = PassthroughNDManager.INSTANCE;
        NDArray foreign = new PassthroughNDArray(other, this, new Shape(1), DataType.FLOAT32);
        String dense = "array 'a' must be a dense array of the PyTorch engine, got ";
        assertEquals(
                dense + "PassthroughNDArray", failure(() -> write(Map.of("a", foreign), Map.of())));
        try (NDArray sparse =
                manager.createCoo(
                        java.nio.FloatBuffer.wrap(new float[] {1, 2}),
                        new long[][] {{0, 1}, {1, 0}},
                        new Shape(2, 2))) {
            assertEquals(dense + "PtNDArray", failure(() -> write(Map.of("a", sparse), Map.of())));
        }
    }

    @Test
    void header_hasItsLimit() throws IOException {
        // {"__metadata__":{"a":"..."}} is 25 bytes without the text.
        String largest = "x".repeat(Header.MAX_BYTES - 25);
        assertEquals(Header.MAX_BYTES + 8, write(Map.of(), Map.of("a", largest)).length);
        assertEquals(
                "header must have at most 100000000 bytes, got 100000008",
                failure(() -> write(Map.of(), Map.of("a", largest + "x"))));
    }

    @Test
    void failure_changesNothing() throws IOException {
        SafetensorsWriter.write(path, Map.of("a", manager.create(1f)), Map.of());
        byte[] before = Files.readAllBytes(path);
        NDArray closed = manager.create(2f);
        Map<String, NDArray> arrays = Map.of("a", manager.create(3f), "b", closed);
        closed.close();
        assertThrows(
                IllegalStateException.class, () -> SafetensorsWriter.write(path, arrays, Map.of()));
        assertArrayEquals(before, Files.readAllBytes(path));
        try (var files = Files.list(folder)) {
            assertEquals(List.of(path), files.toList());
        }
    }

    /** A channel that takes a few bytes at a time, and one that fails. */
    @Test
    void channel_isWrittenFully() throws IOException {
        NDArray array = manager.arange(100f);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        WritableByteChannel slow =
                new WritableByteChannel() {
                    @Override
                    public int write(ByteBuffer source) {
                        int count = Math.min(7, source.remaining());
                        for (int i = 0; i < count; i++) {
                            bytes.write(source.get());
                        }
                        return count;
                    }

                    @Override
                    public boolean isOpen() {
                        return true;
                    }

                    @Override
                    public void close() {
                        throw new AssertionError("the channel is the caller's");
                    }
                };
        SafetensorsWriter.write(slow, Map.of("a", array), Map.of());
        assertArrayEquals(write(Map.of("a", array), Map.of()), bytes.toByteArray());
        assertEquals(400, FileBytes.values(bytes.toByteArray()).length);
        assertEquals(
                array.toByteBuffer(),
                ByteBuffer.wrap(
                        Arrays.copyOfRange(bytes.toByteArray(), bytes.size() - 400, bytes.size())));
    }
}
