// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class Cifar10DataTest {

    /** The published labels of the data set begin like this. */
    @Test
    void sample_published_firstLabels() throws IOException {
        byte[] train = Files.readAllBytes(Cifar10Data.sample().folder().resolve("data_batch.bin"));
        int[] expected = {6, 9, 9, 4, 1, 1, 2, 7, 8, 3};
        for (int i = 0; i < expected.length; i++) {
            assertEquals(expected[i], train[i * 3073]);
        }
        assertEquals(1000 * 3073, train.length);
    }

    @Test
    void sample_sourceAndChecksums() throws IOException {
        Cifar10Data data = Cifar10Data.sample();
        assertEquals("sample", data.source());
        assertEquals(
                Map.of(
                        "data_batch.bin", "6672568c6f9da0ae2d58cd800deb0f83",
                        "test_batch.bin", "95c4bc76cb313d49e845ed2c7248341e"),
                data.checksums());
    }

    @Test
    void sampleResource_temporaryFilesLeft_replaced(@TempDir Path folder) throws IOException {
        Files.write(folder.resolve("data_batch.bin.tmp"), new byte[4_000_000]);
        new SampleResource().fetch(folder, new Quiet());
        assertEquals(2, Records.verify(folder, Layout.sample()).size());
    }

    @Test
    void fullLayout_sizes() {
        Layout full = Layout.full();
        assertEquals(30_730_000, full.test().bytes());
        assertEquals(153_650_000, full.train().stream().mapToLong(Layout.Part::bytes).sum());
    }

    @Test
    void label_firstTestImages() throws IOException {
        Cifar10Data data = Cifar10Data.sample();
        assertEquals("cat", Cifar10Data.CLASSES.get(data.label(0)));
        assertEquals("ship", Cifar10Data.CLASSES.get(data.label(1)));
    }

    /** Values of the published file: red, green and blue planes of 1024 bytes. */
    @ParameterizedTest
    @CsvSource({"0, 0, 158, 112, 49", "1, 0, 159, 111, 47", "2, 0, 165, 116, 51"})
    void png_firstTestImage(int x, int y, int red, int green, int blue) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(Cifar10Data.sample().png(0)));
        assertEquals(32, image.getWidth());
        assertEquals(32, image.getHeight());
        assertEquals(0xff << 24 | red << 16 | green << 8 | blue, image.getRGB(x, y));
    }

    @Test
    void png_everyPixel_recordOfTheFile(@TempDir Path folder) throws IOException {
        Cifar10Data data = new Cifar10Data(Synthetic.folder(folder), "x", Map.of());
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(data.png(3)));
        for (int p = 0; p < 1024; p++) {
            int rgb = image.getRGB(p % 32, p / 32);
            assertEquals(Synthetic.TEST[3 * 3073 + 1 + p], (byte) (rgb >> 16));
            assertEquals(Synthetic.TEST[3 * 3073 + 1025 + p], (byte) (rgb >> 8));
            assertEquals(Synthetic.TEST[3 * 3073 + 2049 + p], (byte) rgb);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 300})
    void png_noSuchImage_message(int index) throws IOException {
        Cifar10Data data = Cifar10Data.sample();
        assertEquals(
                "index must be in [0, 300), got " + index,
                assertThrows(IndexOutOfBoundsException.class, () -> data.png(index)).getMessage());
    }
}
