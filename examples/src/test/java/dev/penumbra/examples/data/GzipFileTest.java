// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GzipFileTest {

    private static final byte[] CONTENT = Synthetic.records(50, 5);

    @TempDir Path folder;

    @Test
    void open_wholeFile_content() throws IOException {
        Path file = file(SyntheticMnist.gzip(CONTENT));
        assertArrayEquals(CONTENT, read(file, CONTENT.length));
        try (InputStream in = new GzipFile(file).open(CONTENT.length)) {
            assertEquals(100, in.skip(100));
            assertEquals(CONTENT[100] & 0xff, in.read());
        }
    }

    /** Each part of a file that has several would be one more call with Java's own class. */
    @Test
    void open_manyEmptyParts_contentOfTheLast() throws IOException {
        ByteArrayOutputStream parts = new ByteArrayOutputStream();
        for (int i = 0; i < 50_000; i++) {
            parts.write(SyntheticMnist.gzip(new byte[0]));
        }
        parts.write(SyntheticMnist.gzip(CONTENT));
        assertArrayEquals(CONTENT, read(file(parts.toByteArray()), 1 << 21));
    }

    @Test
    void open_largerThanSoManyBytesBecome_message() throws IOException {
        Path file = file(new byte[65_536 + 1_001 + 1]);
        assertMessage(
                "size of %s must be at most 66537 bytes, got 66538".formatted(file),
                () -> new GzipFile(file).open(1_000));
    }

    @ParameterizedTest
    @CsvSource({
        "0, IOException: Unexpected data after a valid .gz stream.",
        "1, IOException: Gzip-compressed data is corrupt (CRC32 error)."
    })
    void read_damaged_message(int kind, String reason) throws IOException {
        byte[] bytes = SyntheticMnist.gzip(CONTENT);
        if (kind == 0) {
            bytes = Arrays.copyOf(bytes, bytes.length + 10);
        } else {
            bytes[bytes.length - 8] ^= 1;
        }
        Path file = file(bytes);
        assertMessage(
                "%s must be a whole gzip file, got %s".formatted(file, reason),
                () -> read(file, CONTENT.length));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void read_damagedFiles_contentOrRefusedByName(long seed) throws IOException {
        byte[] good = SyntheticMnist.gzip(Synthetic.records(2, 5));
        Random random = new Random(seed);
        for (int i = 0; i < 500; i++) {
            byte[] bytes = good.clone();
            bytes[random.nextInt(i % 2 == 0 ? 12 : bytes.length)] = (byte) random.nextInt(256);
            Path file = file(Arrays.copyOf(bytes, bytes.length - random.nextInt(10)));
            try {
                read(file, 1 << 16);
            } catch (DataException e) {
                assertEquals(file + " must be a whole gzip file, got ", start(e, file));
            }
        }
    }

    @Test
    void read_writerFails_itsOwnException() throws IOException {
        Path file = file(SyntheticMnist.gzip(CONTENT));
        try (InputStream in = new GzipFile(file).open(CONTENT.length)) {
            IOException thrown =
                    assertThrows(IOException.class, () -> in.transferTo(new FullDisk()));
            assertEquals("disk full", thrown.getMessage());
        }
    }

    private static final class FullDisk extends OutputStream {

        @Override
        public void write(int b) throws IOException {
            throw new IOException("disk full");
        }
    }

    private static String start(DataException e, Path file) {
        String message = String.valueOf(e.getMessage());
        return message.substring(0, (file + " must be a whole gzip file, got ").length());
    }

    private Path file(byte[] bytes) throws IOException {
        return Files.write(folder.resolve("x.gz"), bytes);
    }

    private static byte[] read(Path file, long unpacked) throws IOException {
        try (InputStream in = new GzipFile(file).open(unpacked)) {
            return in.readAllBytes();
        }
    }
}
