// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.zip.ZipEncodingHelper;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TarGzTest {

    private static final byte[] A = Synthetic.records(1, 1);
    private static final byte[] B = Synthetic.records(2, 2);
    private static final TarGz.Limits LIMITS = new TarGz.Limits(5, 20_000);

    @TempDir Path folder;
    private final Map<String, byte[]> read = new LinkedHashMap<>();

    @Test
    void read_someEntriesWanted_onlyThoseInTheirOrder() throws IOException {
        Path file = gzip(tar(Map.of("a", A), Map.of("x", new byte[3]), Map.of("b", B)));
        read(file, Map.of("b", B.length, "a", A.length));
        assertEquals(List.of("a", "b"), List.copyOf(read.keySet()));
        assertArrayEquals(A, read.get("a"));
        assertArrayEquals(B, read.get("b"));
    }

    @Test
    void read_nameTwice_theFirst() throws IOException {
        read(gzip(tar(Map.of("a", A), Map.of("a", B))), Map.of("a", B.length));
        assertArrayEquals(A, read.get("a"));
    }

    /** What follows need not even be there. */
    @Test
    void read_lastWantedEntryFound_noFurther() throws IOException {
        byte[] tar = tar(Map.of("a", A), Map.of("x", new byte[10_000]));
        read(gzip(Arrays.copyOf(tar, 512 + 4_096)), Map.of("a", A.length));
        assertArrayEquals(A, read.get("a"));
    }

    /** Nothing but the header is there, so nothing else was looked at. */
    @Test
    void read_entryTooLarge_toldByItsHeader() throws IOException {
        Path file = gzip(header("a", 1L << 40));
        assertMessage(
                "size of a must be at most 3073 bytes, got 1099511627776",
                () -> read(file, Map.of("a", 3_073)));
    }

    @Test
    void read_othersTooLarge_toldByTheirHeaders() throws IOException {
        Path file = gzip(concat(tar(Map.of("x", new byte[19_000])), header("y", 1_001)));
        assertMessage(
                "size of all entries in %s must be at most 20000 bytes, got 20001".formatted(file),
                () -> read(file, Map.of("a", 1)));
        Path huge = gzip(header("y", (1L << 62) + 1));
        assertMessage(
                "size of all entries in %s must be at most 20000 bytes, got 20001".formatted(huge),
                () -> read(huge, Map.of("a", 1)));
    }

    @Test
    void read_tooManyEntries_message() throws IOException {
        byte[] one = tar(Map.of("x", new byte[0]));
        Path file = gzip(concat(one, one, one, one, one, one));
        assertMessage(
                "number of entries in %s must be at most 5, got 6".formatted(file),
                () -> read(file, Map.of("a", 1)));
    }

    @Test
    void read_longName_limitOfHeaders() throws IOException {
        Path file = gzip(tar(Map.of("x".repeat(64_000), new byte[0]), Map.of("a", A)));
        read(file, Map.of("a", A.length));
        Path longer = gzip(tar(Map.of("x".repeat(65_536), new byte[0]), Map.of("a", A)));
        assertMessage(
                "headers of an entry in %s must have at most 65536 bytes, got more"
                        .formatted(longer),
                () -> read(longer, Map.of("a", A.length)));
    }

    @Test
    void read_entryWithHoles_message() throws IOException {
        byte[] tar = tar(Map.of("a", A));
        tar[156] = 'S';
        Arrays.fill(tar, 148, 156, (byte) ' ');
        int sum = 0;
        for (int i = 0; i < 512; i++) {
            sum += tar[i] & 0xff;
        }
        byte[] digits = "%06o\0 ".formatted(sum).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(digits, 0, tar, 148, digits.length);
        Path file = gzip(tar);
        assertMessage(
                "%s must have entries without holes, got a".formatted(file),
                () -> read(file, Map.of("a", A.length)));
    }

    @Test
    void read_missingEntries_firstByName() throws IOException {
        Path file = gzip(tar(Map.of("a", A)));
        assertMessage(
                "%s must contain b, got an archive without it".formatted(file),
                () -> read(file, Map.of("c", 1, "b", 1, "a", A.length)));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void read_damagedArchives_readOrRefused(long seed) throws IOException {
        byte[] good = tar(Map.of("x", new byte[700]), Map.of("a", A));
        Random random = new Random(seed);
        for (int i = 0; i < 500; i++) {
            byte[] tar = good.clone();
            for (int n = 0; n < 3; n++) {
                tar[random.nextInt(n == 0 ? 512 : 2_048)] = (byte) random.nextInt(256);
            }
            Path file = gzip(Arrays.copyOf(tar, 4_096 + random.nextInt(4_096)));
            try {
                read(file, Map.of("a", A.length));
            } catch (IOException e) {
                assertTrue(e.getMessage() != null, e.toString());
            }
        }
    }

    @Test
    void read_noTar_message() throws IOException {
        Path file = gzip("x".repeat(600).getBytes(StandardCharsets.US_ASCII));
        assertMessage(
                "%s must be a whole tar archive, got IOException: Corrupted TAR archive."
                        .formatted(file),
                () -> read(file, Map.of("a", 1)));
    }

    private void read(Path file, Map<String, Integer> sizes) throws IOException {
        Map<String, TarGz.Wanted> wanted = new LinkedHashMap<>();
        sizes.forEach(
                (name, size) ->
                        wanted.put(name, new TarGz.Wanted(size, content -> keep(name, content))));
        new TarGz(file, LIMITS).read(wanted);
    }

    private void keep(String name, InputStream content) throws IOException {
        read.put(name, content.readAllBytes());
    }

    private Path gzip(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("x.tgz"), SyntheticMnist.gzip(bytes));
    }

    /** Returns an archive without its end. */
    @SafeVarargs
    private static byte[] tar(Map<String, byte[]>... entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes, 512);
        tar.setLongFileMode(TarArchiveOutputStream.LONGFILE_GNU);
        for (Map<String, byte[]> entry : entries) {
            for (Map.Entry<String, byte[]> e : entry.entrySet()) {
                TarArchiveEntry header = new TarArchiveEntry(e.getKey());
                header.setSize(e.getValue().length);
                tar.putArchiveEntry(header);
                tar.write(e.getValue());
                tar.closeArchiveEntry();
            }
        }
        tar.flush();
        return bytes.toByteArray();
    }

    private static byte[] header(String name, long size) throws IOException {
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(size);
        byte[] header = new byte[512];
        entry.writeEntryHeader(header, ZipEncodingHelper.getZipEncoding("UTF-8"), true);
        return header;
    }

    private static byte[] concat(byte[]... parts) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.write(part);
        }
        return all.toByteArray();
    }
}
