// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.util.passthrough.PassthroughNDArray;
import ai.djl.util.passthrough.PassthroughNDManager;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ReadOnlyBufferException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SafetensorsFileTest {

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
    void open_describesTheTensors() throws IOException {
        try (SafetensorsFile file = open(FileBytes.of(TWO_BY_TWO, count(16)))) {
            TensorInfo expected = new TensorInfo("test", TensorType.I32, new Shape(2, 2), 0, 16);
            assertEquals(Map.of("test", expected), file.tensors());
            assertEquals(Map.of(), file.metadata());
            assertEquals(path, file.path());
            assertEquals(16, expected.byteLength());
            assertArrayEquals(
                    new int[] {0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d},
                    file.read("test", manager).toIntArray());
            assertThrows(UnsupportedOperationException.class, () -> file.tensors().clear());
            assertThrows(UnsupportedOperationException.class, () -> file.metadata().clear());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{}      ", "{ }\r \t\n", "{\"__metadata__\":{}}"})
    void emptyFile_isInTheFormat(String header) throws IOException {
        try (SafetensorsFile file = open(FileBytes.of(header))) {
            assertEquals(Map.of(), file.tensors());
            assertEquals(Map.of(), file.readAll(manager));
        }
    }

    /** Older writers sort by name, and their values may be in any order. */
    @Test
    void tensors_areInTheOrderOfTheirValues() throws IOException {
        String header =
                ("{'a':{'data_offsets':[9,10],'dtype':'U8','shape':[1]},"
                                + "'z':{'shape':[0],'data_offsets':[0,0],'dtype':'F32'},"
                                + "'y':{'shape':[2,0],'data_offsets':[0,0],'dtype':'F32'},"
                                + "'b':{'dtype':'I64','shape':[],'data_offsets':[1,9]},"
                                + "'c':{'dtype':'BOOL','shape':[1,1],'data_offsets':[0,1]}}")
                        .replace('\'', '"');
        try (SafetensorsFile file = open(FileBytes.of(header, count(10)))) {
            assertEquals(List.of("z", "y", "c", "b", "a"), List.copyOf(file.tensors().keySet()));
            Map<String, NDArray> arrays = file.readAll(manager);
            assertEquals(List.of("z", "y", "c", "b", "a"), List.copyOf(arrays.keySet()));
            assertEquals(new Shape(), file.read("b", manager).getShape());
            assertEquals(0x0908070605040302L, file.read("b", manager).getLong());
            assertEquals(10, file.read("a", manager).getUint8());
            assertEquals(new Shape(2, 0), file.read("y", manager).getShape());
            // Eight bytes at an odd position.
            NDArray unaligned = file.map("b", manager);
            assertEquals(0x0908070605040302L, unaligned.getLong());
            assertEquals(0x0908070605040302L, file.map("b").getLong());
        }
    }

    @Test
    void metadata_isKeptInItsOrder() throws IOException {
        String header =
                "{\"__metadata__\":{\"b\":\"1\",\"\":\"\\u00e9\\ud83d\\ude00\",\"a\":\"\"}}";
        try (SafetensorsFile file = open(FileBytes.of(header))) {
            assertEquals(List.of("b", "", "a"), List.copyOf(file.metadata().keySet()));
            assertEquals("\u00e9\ud83d\ude00", file.metadata().get(""));
        }
    }

    @Test
    void rankOf64_isRead() throws IOException {
        String shape = "1,".repeat(62) + "2,1";
        String header =
                "{\"a\":{\"dtype\":\"U8\",\"shape\":[" + shape + "],\"data_offsets\":[0,2]}}";
        try (SafetensorsFile file = open(FileBytes.of(header, count(2)))) {
            NDArray array = file.read("a", manager);
            assertEquals(64, array.getShape().dimension());
            assertEquals(2, array.flatten().get(1).getUint8());
        }
    }

    /** All but the whole file is refused, wherever it ends. */
    @Test
    void truncation_atEveryByte_isRefused() throws IOException {
        byte[] whole = FuzzSeeds.all().get(3);
        for (int length = 0; length < whole.length; length++) {
            byte[] part = Arrays.copyOf(whole, length);
            assertThrows(SafetensorsException.class, () -> open(part), "at " + length);
        }
        open(whole).close();
        for (int more : new int[] {1, 7, 8, 4096}) {
            byte[] longer = Arrays.copyOf(whole, whole.length + more);
            assertThrows(SafetensorsException.class, () -> open(longer), "and " + more);
        }
    }

    @Test
    void lengths_areChecked() {
        assertEquals(
                prefix()
                        + "file must be a safetensors file, got an empty file: fetch or write it again",
                failure(() -> open(new byte[0])));
        assertEquals(
                prefix() + "file must have at least 8 bytes, got 7",
                failure(() -> open(new byte[7])));
        assertEquals(
                prefix() + "header must begin with '{', got nothing",
                failure(() -> open(new byte[8])));
        assertEquals(
                prefix()
                        + "header must end within the 10 bytes of the file, got a header of 3"
                        + " bytes",
                failure(() -> open(FileBytes.withLength(3, new byte[] {'{', '}'}))));
        assertEquals(
                prefix()
                        + "header must end within the 10 bytes of the file, got a header of"
                        + " 100000000 bytes",
                failure(() -> open(FileBytes.withLength(100_000_000, new byte[] {'{', '}'}))));
        assertEquals(
                prefix() + "header must have at most 100000000 bytes, got 100000001",
                failure(() -> open(FileBytes.withLength(100_000_001, new byte[] {'{', '}'}))));
        assertEquals(
                prefix() + "header must have at most 100000000 bytes, got 18446744073709551615",
                failure(() -> open(FileBytes.withLength(-1, new byte[] {'{', '}'}))));
        assertEquals(
                prefix() + "values must have the 16 bytes that the header describes, got 14",
                failure(() -> open(FileBytes.of(TWO_BY_TWO, new byte[14]))));
        assertEquals(
                prefix() + "values must have the 16 bytes that the header describes, got 17",
                failure(() -> open(FileBytes.of(TWO_BY_TWO, new byte[17]))));
    }

    @Test
    void missingFile_isNamed() {
        NoSuchFileException e =
                assertThrows(NoSuchFileException.class, () -> SafetensorsFile.open(path));
        assertEquals(path.toString(), e.getMessage());
    }

    @Test
    void folder_isRefused() {
        path = folder;
        assertEquals(
                prefix() + "file must be a regular file, got a folder: give the file in it",
                failure(() -> SafetensorsFile.open(folder)));
    }

    /** Nobody writes into the pipe. */
    @Test
    @DisabledOnOs(OS.WINDOWS)
    void pipe_isRefusedAtOnce() throws Exception {
        Process mkfifo = new ProcessBuilder("mkfifo", path.toString()).start();
        assertEquals(0, mkfifo.waitFor());
        assertTimeoutPreemptively(
                Duration.ofSeconds(20),
                () ->
                        assertEquals(
                                prefix() + "file must be a regular file, got something else",
                                failure(() -> SafetensorsFile.open(path))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"BF16", "I16", "U16", "F8_E4M3"})
    void typesWithoutArrays_areMappedAsBytes(String type) throws IOException {
        int bytes = TensorType.valueOf(type).bits() / 8 * 3;
        String header =
                "{\"a\":{\"dtype\":\""
                        + type
                        + "\",\"shape\":[3],\"data_offsets\":[0,"
                        + bytes
                        + "]}}";
        try (SafetensorsFile file = open(FileBytes.of(header, count(bytes)))) {
            assertEquals(TensorType.valueOf(type), named(file, "a").type());
            assertEquals(ByteBuffer.wrap(count(bytes)), file.map("a"));
            String problem = "tensor 'a' must have a type that DJL's PyTorch engine holds, got ";
            try (NDArray target = manager.create(new Shape(3))) {
                for (Executable read :
                        List.<Executable>of(
                                () -> file.read("a", manager),
                                () -> file.readAll(manager),
                                () -> file.readInto("a", target),
                                () -> file.map("a", manager))) {
                    assertEquals(prefix() + problem + type, failure(read));
                }
            }
            assertEquals(List.of(), manager.getManagedArrays());
        }
    }

    @Test
    void unknownName_isRefused() throws IOException {
        try (SafetensorsFile file = open(FileBytes.of("{}"))) {
            String problem = "tensor 'a' must be in the file, got none";
            assertEquals(prefix() + problem, failure(() -> file.read("a", manager)));
            assertEquals(prefix() + problem, failure(() -> file.map("a")));
        }
    }

    @Test
    void closedFile_isNotRead() throws IOException {
        SafetensorsFile file = open(FileBytes.of(TWO_BY_TWO, count(16)));
        ByteBuffer mapped = file.map("test");
        file.close();
        file.close();
        assertThrows(ClosedChannelException.class, () -> file.read("test", manager));
        assertEquals(List.of(), manager.getManagedArrays());
        assertEquals(0x04030201, mapped.getInt(0));
        assertEquals(ByteOrder.LITTLE_ENDIAN, mapped.order());
        assertThrows(ReadOnlyBufferException.class, () -> mapped.put(0, (byte) 0));
    }

    @Test
    void fileThatBecomesShorter_isNotRead() throws IOException {
        byte[] bytes = FileBytes.of(TWO_BY_TWO, count(16));
        try (SafetensorsFile file = open(bytes)) {
            Files.write(path, Arrays.copyOf(bytes, bytes.length - 1));
            String problem = "tensor 'test' must be in the file, got its end";
            assertEquals(prefix() + problem, failure(() -> file.read("test", manager)));
            assertEquals(prefix() + problem, failure(() -> file.readAll(manager)));
            assertEquals(List.of(), manager.getManagedArrays());
            Exception e = assertThrows(IOException.class, () -> file.map("test", manager));
            assertTrue(
                    String.valueOf(e.getMessage()).startsWith("Cannot map " + path + ": "),
                    String.valueOf(e.getMessage()));
            assertEquals(List.of(), manager.getManagedArrays());
        }
    }

    @Test
    void readAll_thatFailsMidway_leavesNothing() throws IOException {
        byte[] bytes = FuzzSeeds.all().get(3);
        try (SafetensorsFile file = open(bytes)) {
            Files.write(path, Arrays.copyOf(bytes, bytes.length - 6));
            assertEquals(
                    prefix() + "tensor 'd' must be in the file, got its end",
                    failure(() -> file.readAll(manager)));
            assertEquals(List.of(), manager.getManagedArrays());
        }
    }

    @Test
    void read_hangsOnItsManagerAlone() throws IOException {
        try (SafetensorsFile file = open(FuzzSeeds.all().get(3))) {
            Map<String, NDArray> arrays = file.readAll(manager);
            assertEquals(5, manager.getManagedArrays().size());
            arrays.values().forEach(NDArray::close);
            assertEquals(List.of(), manager.getManagedArrays());
        }
    }

    @Test
    void readInto_changesWeightsInPlace() throws IOException {
        String header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
        try (SafetensorsFile file = open(FileBytes.of(header, count(16)));
                NDArray weight = manager.zeros(new Shape(2, 2));
                NDArray view = weight.reshape(4)) {
            weight.setRequiresGradient(true);
            try (TensorList list = TensorList.of(List.of(weight))) {
                long version = ForeachOps.versionSum(list);
                file.readInto("w", weight);
                assertEquals(version + 1, ForeachOps.versionSum(list));
            }
            assertEquals(ByteBuffer.wrap(count(16)), weight.toByteBuffer());
            assertEquals(weight.toByteBuffer(), view.toByteBuffer());
            assertTrue(weight.hasGradient());
            assertEquals(2, manager.getManagedArrays().size());
        }
    }

    /** Where DJL records gradients, it refuses to change a weight that requires them. */
    @Test
    void readInto_whereGradientsAreRecorded() throws IOException {
        String header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
        try (SafetensorsFile file = open(FileBytes.of(header, count(16)));
                NDArray weight = manager.zeros(new Shape(2, 2));
                NDArray transposed = weight.transpose()) {
            weight.setRequiresGradient(true);
            JniUtils.setGradMode(true);
            try {
                file.readInto("w", weight);
                assertEquals(ByteBuffer.wrap(count(16)), weight.toByteBuffer());
                SafetensorsWriter.write(folder.resolve("b"), Map.of("w", weight), Map.of());
                file.readInto("w", transposed);
            } finally {
                JniUtils.setGradMode(false);
            }
            assertEquals(ByteBuffer.wrap(count(16)), transposed.toByteBuffer());
        }
    }

    @Test
    void readInto_fillsViewsWithStrides() throws IOException {
        try (SafetensorsFile file = open(FileBytes.of(TWO_BY_TWO, count(16)));
                NDArray base = manager.zeros(new Shape(2, 2), DataType.INT32);
                NDArray view = base.transpose()) {
            file.readInto("test", view);
            assertArrayEquals(
                    new int[] {0x04030201, 0x0c0b0a09, 0x08070605, 0x100f0e0d}, base.toIntArray());
        }
    }

    @Test
    void readInto_refusesOtherArrays() throws IOException {
        try (SafetensorsFile file = open(FileBytes.of(TWO_BY_TWO, count(16)))) {
            try (NDArray target = manager.zeros(new Shape(4), DataType.INT32)) {
                assertEquals(
                        prefix()
                                + "tensor 'test' must be int32 of shape (4), got I32 of shape"
                                + " (2, 2)",
                        failure(() -> file.readInto("test", target)));
            }
            try (NDArray target = manager.zeros(new Shape(2, 2), DataType.INT64)) {
                assertEquals(
                        prefix()
                                + "tensor 'test' must be int64 of shape (2, 2), got I32 of shape"
                                + " (2, 2)",
                        failure(() -> file.readInto("test", target)));
                assertEquals(0, target.sum().getLong());
            }
        }
    }

    @Test
    void managers_areOfTheEngineOnTheCpu() throws IOException {
        try (SafetensorsFile file = open(FileBytes.of(TWO_BY_TWO, count(16)))) {
            NDManager other = PassthroughNDManager.INSTANCE;
            Exception e =
                    assertThrows(IllegalArgumentException.class, () -> file.read("test", other));
            assertEquals(
                    "manager must be of the PyTorch engine, got PassthroughNDManager",
                    e.getMessage());
            e = assertThrows(IllegalArgumentException.class, () -> file.map("test", other));
            assertEquals(
                    "manager must be of the PyTorch engine on the CPU, got PassthroughNDManager on"
                            + " cpu()",
                    e.getMessage());
            NDArray array = new PassthroughNDArray(other, file, new Shape(2, 2), DataType.INT32);
            e = assertThrows(IllegalArgumentException.class, () -> file.readInto("test", array));
            assertEquals(
                    "target must be a dense array of the PyTorch engine, got PassthroughNDArray",
                    e.getMessage());
        }
    }
}
