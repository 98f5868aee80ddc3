// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TypeConversionTest {

    @TempDir private Path folder;
    private NDManager manager;
    private Path path;

    @BeforeEach
    void setUp() {
        manager = NDManager.newBaseManager("PyTorch");
        path = folder.resolve("f.safetensors");
    }

    @AfterEach
    void tearDown() {
        manager.close();
    }

    /** Writes one tensor "a" by hand, for types that arrays cannot have. */
    private void write(String type, String shape, long length, byte... values) throws IOException {
        String header =
                "{\"a\":{\"dtype\":\""
                        + type
                        + "\",\"shape\":"
                        + shape
                        + ",\"data_offsets\":[0,"
                        + length
                        + "]}}";
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        ByteBuffer bytes =
                ByteBuffer.allocate(8 + text.length + values.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(text.length)
                        .put(text)
                        .put(values);
        Files.write(path, bytes.array());
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(8 + text.length + length);
        }
    }

    private void read(TypeConversion conversion, NDArray target) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            conversion.readInto(file, "a", target);
        }
    }

    @Test
    void floatingTypes_areAllowedForEachOther() {
        Set<TensorType> floating =
                EnumSet.of(TensorType.F16, TensorType.BF16, TensorType.F32, TensorType.F64);
        for (TensorType from : TensorType.values()) {
            for (TensorType to : TensorType.values()) {
                assertEquals(from == to, TypeConversion.NONE.allows(from, to));
                boolean both = floating.contains(from) && floating.contains(to);
                assertEquals(from == to || both, TypeConversion.FLOATING.allows(from, to));
            }
        }
    }

    @Test
    void float64_isRoundedToTheNearest() throws IOException {
        double[] values = {1 + 0x1p-24, 1 + 0x1.8p-24, -1e300, 0x1p-150};
        SafetensorsWriter.write(path, Map.of("a", manager.create(values)), Map.of());
        NDArray target = manager.zeros(new Shape(4));
        read(TypeConversion.FLOATING, target);
        assertArrayEquals(
                new float[] {1, 1 + 0x1p-23f, Float.NEGATIVE_INFINITY, 0}, target.toFloatArray());
    }

    @Test
    void bfloat16_becomesTheSameFloat32() throws IOException {
        write("BF16", "[2,2]", 8, new byte[] {(byte) 0x80, 0x3f, 0x49, (byte) 0xc0, 1, 0, 0, -1});
        NDArray target = manager.zeros(new Shape(2, 2));
        target.setRequiresGradient(true);
        read(TypeConversion.FLOATING, target);
        assertArrayEquals(
                new float[] {
                    1,
                    Float.intBitsToFloat(0xc0490000),
                    Float.intBitsToFloat(0x00010000),
                    Float.intBitsToFloat(0xff000000)
                },
                target.stopGradient().toFloatArray());
    }

    @Test
    void bfloat16_becomesFloat16AndFloat64() throws IOException {
        write("BF16", "[2]", 4, new byte[] {(byte) 0x80, 0x3f, 0x49, (byte) 0xc0});
        NDArray half = manager.zeros(new Shape(2), DataType.FLOAT16);
        read(TypeConversion.FLOATING, half);
        assertArrayEquals(
                new float[] {1, -3.140625f}, half.toType(DataType.FLOAT32, true).toFloatArray());
        NDArray wide = manager.zeros(new Shape(2), DataType.FLOAT64);
        read(TypeConversion.FLOATING, wide);
        assertArrayEquals(new double[] {1, -3.140625}, wide.toDoubleArray());
    }

    @Test
    void emptyBfloat16_isRead() throws IOException {
        write("BF16", "[0,3]", 0);
        NDArray target = manager.zeros(new Shape(0, 3));
        read(TypeConversion.FLOATING, target);
        assertEquals(new Shape(0, 3), target.getShape());
    }

    @Test
    void nothing_isLeftOnTheManager() throws IOException {
        write("BF16", "[2]", 4, new byte[4]);
        NDArray target = manager.ones(new Shape(2));
        int before = manager.getManagedArrays().size();
        read(TypeConversion.FLOATING, target);
        assertEquals(before, manager.getManagedArrays().size());
        assertArrayEquals(new float[2], target.toFloatArray());
    }

    @Test
    void largeBfloat16_isRejected() throws IOException {
        write("BF16", "[536870912]", 1L << 30);
        // An array of the shape without its memory.
        NDArray target = manager.zeros(new Shape(1)).broadcast(new Shape(1L << 29));
        assertEquals(
                "Cannot read "
                        + path
                        + ": tensor 'a' must have at most 1073741823 bytes to be converted, got"
                        + " 1073741824",
                assertThrows(
                                SafetensorsException.class,
                                () -> read(TypeConversion.FLOATING, target))
                        .getMessage());
    }

    @Test
    void withoutConversion_onlyTheSameTypeIsRead() throws IOException {
        SafetensorsWriter.write(path, Map.of("a", manager.ones(new Shape(2))), Map.of());
        NDArray same = manager.zeros(new Shape(2));
        read(TypeConversion.NONE, same);
        assertArrayEquals(new float[] {1, 1}, same.toFloatArray());
        NDArray half = manager.zeros(new Shape(2), DataType.FLOAT16);
        assertEquals(
                "Cannot read "
                        + path
                        + ": tensor 'a' must be float16 of shape (2), got F32 of shape (2)",
                assertThrows(SafetensorsException.class, () -> read(TypeConversion.NONE, half))
                        .getMessage());
        assertFalse(half.any().getBoolean());
    }

    @Test
    void otherShapeOrIntegersOrAnotherName_areRejected() throws IOException {
        SafetensorsWriter.write(
                path, Map.of("a", manager.ones(new Shape(2), DataType.FLOAT16)), Map.of());
        NDArray longer = manager.zeros(new Shape(3));
        assertThrows(SafetensorsException.class, () -> read(TypeConversion.FLOATING, longer));
        NDArray integers = manager.zeros(new Shape(2), DataType.INT32);
        assertThrows(SafetensorsException.class, () -> read(TypeConversion.FLOATING, integers));
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            assertThrows(
                    SafetensorsException.class,
                    () -> TypeConversion.FLOATING.readInto(file, "b", longer));
        }
    }
}
