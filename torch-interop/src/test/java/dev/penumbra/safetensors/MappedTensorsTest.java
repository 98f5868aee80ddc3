// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import dev.penumbra.internal.AtomicFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** Tensors seen in the file itself, as arrays and as bytes. */
final class MappedTensorsTest {

    private static final String TWO_BY_TWO =
            "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";

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

    private SafetensorsFile open(byte[] bytes) throws IOException {
        return SafetensorsFile.open(Files.write(path, bytes));
    }

    private static byte[] count(int values) {
        byte[] bytes = new byte[values];
        for (int i = 0; i < values; i++) {
            bytes[i] = (byte) (i + 1);
        }
        return bytes;
    }

    private static TensorInfo named(SafetensorsFile file, String name) {
        return Objects.requireNonNull(file.tensors().get(name), name);
    }

    private static String failure(Executable action) {
        return String.valueOf(assertThrows(SafetensorsException.class, action).getMessage());
    }

    private String prefix() {
        return "Cannot read " + path + ": ";
    }

    @Test
    void mappedArray_keepsChangesFromTheFile() throws IOException {
        byte[] bytes = FileBytes.of(TWO_BY_TWO + "  ", count(16));
        try (SafetensorsFile file = open(bytes)) {
            NDArray array = file.map("test", manager);
            array.addi(1);
            assertEquals(0x04030202, array.toIntArray()[0]);
            assertArrayEquals(bytes, Files.readAllBytes(path));
            assertEquals(0x04030201, file.map("test", manager).toIntArray()[0]);
            assertEquals(0x04030201, file.map("test").getInt());
            file.close();
            assertEquals(0x08070606, array.toIntArray()[1]);
        }
    }

    /** As a weight: in-place changes by DJL, and gradients. */
    @Test
    void mappedArray_isAnOrdinaryArray() throws IOException {
        String header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}    ";
        byte[] one = {0, 0, (byte) 0x80, 0x3f};
        try (SafetensorsFile file = open(FileBytes.of(header, one))) {
            NDArray weight = file.map("w", manager);
            weight.setRequiresGradient(true);
            JniUtils.setGradMode(true);
            try (NDArray loss = weight.mul(weight).mul(3)) {
                JniUtils.backward((PtNDArray) loss, (PtNDArray) loss.onesLike(), false, false);
            } finally {
                JniUtils.setGradMode(false);
            }
            assertArrayEquals(new float[] {6}, weight.getGradient().toFloatArray());
        }
    }

    @Test
    void mappedArray_ofAnotherFile_isRefused() throws IOException {
        byte[] bytes = FileBytes.of(TWO_BY_TWO, count(16));
        try (SafetensorsFile file = open(bytes)) {
            Path other = Files.write(folder.resolve("b"), bytes);
            AtomicFile.publish(other, path);
            assertEquals(
                    prefix() + "file must stay as it is while it is open, got another",
                    failure(() -> file.map("test", manager)));
            assertEquals(List.of(), manager.getManagedArrays());
            assertEquals(0x04030201, file.read("test", manager).toIntArray()[0]);
        }
    }

    /** A file of 5 GiB without blocks for what is zero; its tensors lie before and after 4 GiB. */
    @Test
    void tensorsBeyondFourGibibytes_areReadAndMapped() throws IOException {
        long large = 5L << 30;
        String header =
                ("{'large':{'dtype':'U8','shape':[5,1073741824],'data_offsets':[0,5368709120]},"
                                + "'small':{'dtype':'I32','shape':[2],"
                                + "'data_offsets':[5368709120,5368709128]}}")
                        .replace('\'', '"');
        byte[] start = FileBytes.of(header + " ".repeat(7 - (header.length() + 7) % 8));
        Files.write(path, start);
        try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
            sparse.setLength(start.length + large + 8);
            sparse.seek(start.length + large);
            sparse.write(count(8));
        }
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            int[] expected = {0x04030201, 0x08070605};
            assertEquals(large, named(file, "large").byteLength());
            assertArrayEquals(expected, file.read("small", manager).toIntArray());
            assertArrayEquals(expected, file.map("small", manager).toIntArray());
            assertEquals(0x04030201, file.map("small").getInt());
            assertEquals(
                    prefix()
                            + "tensor 'large' must have at most 2147483647 bytes to be mapped, got"
                            + " 5368709120",
                    failure(() -> file.map("large")));
            NDArray mapped = file.map("large", manager);
            assertEquals(new Shape(5, 1 << 30), mapped.getShape());
            try (NDArray last = mapped.get(4).get((1L << 30) - 1)) {
                assertEquals(0, last.getUint8());
            }
        }
    }
}
