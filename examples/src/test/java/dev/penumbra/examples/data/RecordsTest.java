// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordsTest {

    @TempDir Path folder;

    @Test
    void verify_rightFiles_checksumPerOriginalFile() throws IOException {
        Map<String, String> sums = Records.verify(Synthetic.folder(folder), Synthetic.LAYOUT);
        assertEquals(
                List.of("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"),
                new ArrayList<>(sums.keySet()));
        assertEquals(Synthetic.md5(Synthetic.SECOND), sums.get("data_batch_2.bin"));
    }

    @Test
    void read_manyRecords_allInOrder() throws IOException {
        byte[] records = Synthetic.records(600, 7);
        byte[] got = new byte[records.length];
        int[] done = {0};
        Records.read(
                new ByteArrayInputStream(records),
                "x",
                0,
                600,
                (chunk, n) -> {
                    System.arraycopy(chunk, 0, got, done[0], n * 3073);
                    done[0] += n * 3073;
                });
        assertEquals(Synthetic.md5(records), Synthetic.md5(got));
    }

    @Test
    void read_endsEarly_message() {
        byte[] records = Arrays.copyOf(Synthetic.records(5, 7), 4 * 3073 + 10);
        assertMessage(
                "x must have 25 records, got 24",
                () ->
                        Records.read(
                                new ByteArrayInputStream(records), "x", 20, 5, (chunk, n) -> {}));
    }

    @Test
    void verify_missingFile_message() throws IOException {
        Files.delete(Synthetic.folder(folder).resolve("test_batch.bin"));
        assertMessage(
                "data folder must contain test_batch.bin, got %s without it".formatted(folder),
                this::verify);
    }

    @Test
    void verify_truncatedInsideRecord_message() throws IOException {
        Path file = Synthetic.folder(folder).resolve("data_batch.bin");
        Files.write(file, Arrays.copyOf(Synthetic.train(), 4 * 3073 + 1));
        assertMessage(
                "size of %s must be a multiple of 3073 bytes, got 12293".formatted(file),
                this::verify);
    }

    @Test
    void verify_truncatedBetweenRecords_message() throws IOException {
        Path file = Synthetic.folder(folder).resolve("data_batch.bin");
        Files.write(file, Arrays.copyOf(Synthetic.train(), 4 * 3073));
        assertMessage("size of %s must be 15365 bytes, got 12292".formatted(file), this::verify);
    }

    @Test
    void verify_changedByteInSecondPart_message() throws IOException {
        Path file = Synthetic.folder(folder).resolve("data_batch.bin");
        byte[] train = Synthetic.train();
        train[4 * 3073 + 5] ^= 1;
        Files.write(file, train);
        String got = Synthetic.md5(Arrays.copyOfRange(train, 3 * 3073, 5 * 3073));
        assertMessage(
                "MD5 of data_batch_2.bin in %s must be %s, got %s"
                        .formatted(file, Synthetic.md5(Synthetic.SECOND), got),
                this::verify);
    }

    @Test
    void verify_changedByteInTestFile_message() throws IOException {
        Path file = Synthetic.folder(folder).resolve("test_batch.bin");
        byte[] test = Synthetic.TEST.clone();
        test[test.length - 1] ^= 1;
        Files.write(file, test);
        assertMessage(
                "MD5 of %s must be %s, got %s"
                        .formatted(file, Synthetic.md5(Synthetic.TEST), Synthetic.md5(test)),
                this::verify);
    }

    @Test
    void verify_labelTen_message() throws IOException {
        Path file = Synthetic.folder(folder).resolve("data_batch.bin");
        byte[] train = Synthetic.train();
        train[4 * 3073] = 10;
        Files.write(file, train);
        assertMessage(
                "label of record 4 in %s must be in [0, 9], got 10".formatted(file), this::verify);
        train[4 * 3073] = -1;
        Files.write(file, train);
        assertMessage(
                "label of record 4 in %s must be in [0, 9], got 255".formatted(file), this::verify);
    }

    private void verify() throws IOException {
        Records.verify(folder, Synthetic.LAYOUT);
    }

    static void assertMessage(String message, org.junit.jupiter.api.function.Executable body) {
        assertEquals(message, assertThrows(DataException.class, body).getMessage());
    }
}
