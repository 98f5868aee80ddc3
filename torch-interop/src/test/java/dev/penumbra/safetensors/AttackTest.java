// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The files that the scripts in the reference project's folder {@code attacks} make, and its
 * proposals for others.
 */
final class AttackTest {

    private static final String ZIP =
            "'file must be a safetensors file, got a zip archive: unpack it and give the"
                    + " safetensors file in it'";
    private static final String PICKLE =
            "'file must be a safetensors file, got a pickle, as torch.save writes it: in Python,"
                    + " load it with torch.load(..., weights_only=True) and write its tensors with"
                    + " safetensors.torch.save_file'";

    private static final String ENTRY =
            "\"weight_%d\": {\"dtype\": \"F32\", \"shape\": [%s], \"data_offsets\": [0, %d]}";

    @TempDir private Path folder;

    /** What loads classes takes memory too, but only once. */
    @BeforeAll
    static void loadClasses(@TempDir Path other) throws IOException {
        byte[] bytes = "\2\0\0\0\0\0\0\0{]".getBytes(StandardCharsets.US_ASCII);
        Path path = Files.write(other.resolve("other.safetensors"), bytes);
        assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(path));
    }

    private void assertRefused(String problem, Path path) {
        ThreadMXBean thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = thread.getCurrentThreadAllocatedBytes();
        SafetensorsException e =
                assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(path));
        long allocated = thread.getCurrentThreadAllocatedBytes() - before;
        assertEquals("Cannot read " + path + ": " + problem, e.getMessage());
        assertTrue(allocated <= (1 << 20) + 64 * path.toFile().length(), allocated + " bytes");
    }

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("attack.safetensors"), bytes);
    }

    /** safetensors_abuse_attempt_1.py: a header that claims to be longer than the file. */
    @Test
    void headerLongerThanTheFile() throws IOException {
        String header = "{\"weight\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
        byte[] bytes =
                FileBytes.withLength(1000, header.getBytes(StandardCharsets.UTF_8), new byte[16]);
        assertRefused(
                "header must end within the 86 bytes of the file, got a header of 1000 bytes",
                file(bytes));
    }

    /** safetensors_abuse_attempt_2.py: ten million entries; the header is not looked at. */
    @Test
    void headerOfTenMillionTensors() throws IOException {
        long size = 2;
        for (int i = 0; i < 8; i++) {
            long digits = (long) Math.pow(10, i);
            long count = i == 0 ? 10 : Math.min(10_000_000, 10 * digits) - digits;
            size += count * (String.format(ENTRY, digits, "2, 2", 16).length() + 2);
        }
        Path path = file(FileBytes.withLength(size - 2, "{".getBytes(StandardCharsets.UTF_8)));
        try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
            sparse.setLength(2 * size);
        }
        assertRefused("header must have at most 100000000 bytes, got " + (size - 2), path);
    }

    /** safetensors_abuse_attempt_3.py: a hundred thousand tensors of the same bytes. */
    @Test
    void tensorsOfTheSameBytes() throws IOException {
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i < 100_000; i++) {
            header.append(i == 0 ? "" : ", ").append(String.format(ENTRY, i, "200, 200", 160_000));
        }
        byte[] text = header.append('}').toString().getBytes(StandardCharsets.UTF_8);
        assertRefused(
                "data_offsets of tensor 'weight_1' must begin at 160000, got 0",
                file(FileBytes.of(text, new byte[text.length])));
    }

    /** The reference's test_json_attack. */
    @Test
    void tenTensorsOfTheSameBytes() throws IOException {
        StringBuilder header = new StringBuilder("{");
        for (int i = 0; i < 10; i++) {
            header.append(i == 0 ? "" : ",").append(String.format(ENTRY, i, "2,2", 16));
        }
        assertRefused(
                "data_offsets of tensor 'weight_1' must begin at 16, got 0",
                file(FileBytes.of(header.append('}').toString(), new byte[16])));
    }

    /** numpy_dos_create.py and torch_dos_create.py: much in a small zip. */
    @Test
    void zipBomb() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
            zip.putNextEntry(new ZipEntry("weights.npy"));
            for (int i = 0; i < 50; i++) {
                zip.write(new byte[1_000_000]);
            }
        }
        assertRefused(
                "file must be a safetensors file, got an archive of NumPy's arrays: write it as"
                        + " safetensors, with safetensors.numpy.save_file in Python",
                file(bytes.toByteArray()));
    }

    /** The first bytes of torch_ace, paddle_ace, tf_ace and tf_safe_ace: code in other formats. */
    @ParameterizedTest
    @CsvSource({
        "504b03040000080800000000000000000000, " + ZIP,
        "80025d7100285f5f6d61696e5f5f0a426164, " + PICKLE,
        "894844460d0a1a0a0000000000080800f6ff, '"
                + "file must be a safetensors file, got an HDF5 file, as Keras writes it: write its"
                + " arrays as safetensors'",
        "504b03041400000000000000210000000000, " + ZIP
    })
    void otherFormats(String start, String problem) throws IOException {
        assertRefused(problem, file(HexFormat.of().parseHex(start)));
    }

    /** Proposal 3: offsets that are negative or out of the file. */
    @Test
    void offsetsOutOfTheFile() throws IOException {
        String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[%s]}}";
        assertRefused(
                "each number in data_offsets of tensor 'a' must be digits alone, got '-16'",
                file(FileBytes.of(String.format(header, "-16,0"), new byte[16])));
        assertRefused(
                "data_offsets of tensor 'a' must begin at 0, got 16",
                file(FileBytes.of(String.format(header, "16,32"), new byte[16])));
    }

    /** Proposal 5: offsets of another length than shape and type. */
    @Test
    void offsetsOfAnotherLength() throws IOException {
        String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,64]}}";
        assertRefused(
                "data_offsets of tensor 'a' must span 16 bytes, got [0, 64]",
                file(FileBytes.of(header, new byte[64])));
    }

    /** Proposal 7: JSON that makes parsers deep or slow. */
    @Test
    void deepAndLongJson() throws IOException {
        String deep = "[".repeat(1_000_000);
        assertRefused(
                "description of tensor 'a' must be an object, got begin array",
                file(FileBytes.of("{\"a\":" + deep + "}")));
        assertRefused(
                "each number in shape of tensor 'a' must be a number, got begin array",
                file(FileBytes.of("{\"a\":{\"shape\":" + deep + "}}")));
        assertRefused(
                "shape of tensor 'a' must have at most 64 numbers, got more",
                file(FileBytes.of("{\"a\":{\"shape\":[" + "1,".repeat(1_000_000) + "1]}}")));
        assertRefused(
                "names must differ, got '" + "a".repeat(80) + "...' twice",
                file(
                        FileBytes.of(
                                "{\"__metadata__\":{},X,X}"
                                        .replace(
                                                "X",
                                                "\""
                                                        + "a".repeat(1_000_000)
                                                        + "\":{\"dtype\":\"U8\",\"shape\":[0],"
                                                        + "\"data_offsets\":[0,0]}"))));
        assertRefused(
                "header must be JSON, got a part of it",
                file(FileBytes.of("{" + " ".repeat(1_000_000))));
    }
}
