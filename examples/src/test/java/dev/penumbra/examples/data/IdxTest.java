// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import static dev.penumbra.examples.data.RecordsTest.assertMessage;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.io.SequenceInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IdxTest {

    @TempDir Path folder;
    private Path file;

    @BeforeEach
    void prepare() throws IOException {
        file = SyntheticMnist.folder(folder).resolve("train-images-idx3-ubyte");
    }

    /** The sizes of the published files. */
    @Test
    void fullLayout_sizes() {
        assertEquals(47_040_016, MnistLayout.full().train().bytes());
        assertEquals(7_840_016, MnistLayout.full().test().bytes());
    }

    @Test
    void verify_rightFiles_checksumPerFile() throws IOException {
        Map<String, String> sums = Idx.verify(folder, SyntheticMnist.LAYOUT);
        assertEquals(
                List.of("train-images-idx3-ubyte", "t10k-images-idx3-ubyte"),
                new ArrayList<>(sums.keySet()));
        assertEquals(Synthetic.md5(SyntheticMnist.TEST), sums.get("t10k-images-idx3-ubyte"));
    }

    @Test
    void copy_manyImages_everyByte() throws IOException {
        byte[] images = SyntheticMnist.idx(200, 7);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        String sum =
                Idx.copy(
                        new ByteArrayInputStream(images),
                        "x",
                        new MnistLayout.Part("x", 200, Synthetic.md5(images)),
                        out);
        assertArrayEquals(images, out.toByteArray());
        assertEquals(Synthetic.md5(images), sum);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 5})
    void load_firstImages_pixelsInOrder(int images) throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            NDArray array = Idx.load(manager, file, images);
            assertEquals(new Shape(images, 1, 28, 28), array.getShape());
            assertEquals(DataType.UINT8, array.getDataType());
            assertArrayEquals(
                    Arrays.copyOfRange(SyntheticMnist.TRAIN, 16, 16 + images * 784),
                    array.toByteArray());
        }
    }

    @Test
    void load_tooFewImages_message() throws IOException {
        Files.write(file, Arrays.copyOf(SyntheticMnist.TRAIN, 16 + 4 * 784 + 1));
        try (NDManager manager = NDManager.newBaseManager()) {
            assertMessage(
                    "%s must have 5 images, got 4".formatted(file),
                    () -> Idx.load(manager, file, 5));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"})
    void verify_missingFile_message(String name) throws IOException {
        Files.delete(folder.resolve(name));
        assertMessage(
                "data folder must contain %s, got %s without it".formatted(name, folder),
                this::verify);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 2049, magic number, 2051",
        "0, 0x03080000, magic number, 2051",
        "4, 6, number of images, 5",
        "8, 32, number of rows, 28",
        "12, 27, number of columns, 28",
        "12, -28, number of columns, 28"
    })
    void verify_otherHeader_message(int position, String value, String field, int expected)
            throws IOException {
        int got = Integer.decode(value);
        Files.write(file, SyntheticMnist.header(position, got));
        assertMessage(
                "%s of %s must be %d, got %d".formatted(field, file, expected, got), this::verify);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 15, 16, 3935, 3937, 200_000})
    void verify_otherSize_message(int size) throws IOException {
        Files.write(file, Arrays.copyOf(SyntheticMnist.TRAIN, size));
        assertMessage("size of %s must be 3936 bytes, got %d".formatted(file, size), this::verify);
    }

    /** A stream that has no end. */
    @Test
    void copy_tooLong_endsAtOnceAndWritesNoMoreThanTheRightSize() {
        byte[] images = SyntheticMnist.idx(200, 7);
        InputStream endless =
                new SequenceInputStream(new ByteArrayInputStream(images), new Zeros());
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertMessage(
                "size of x must be 156816 bytes, got more",
                () -> Idx.copy(endless, "x", new MnistLayout.Part("x", 200, "0"), out));
        assertTrue(out.size() <= images.length, "bytes written: " + out.size());
    }

    @Test
    void copy_oneByteTooLong_message() {
        byte[] longer = Arrays.copyOf(SyntheticMnist.TRAIN, SyntheticMnist.TRAIN.length + 1);
        assertMessage(
                "size of x must be 3936 bytes, got more",
                () ->
                        Idx.copy(
                                new ByteArrayInputStream(longer),
                                "x",
                                SyntheticMnist.LAYOUT.train(),
                                OutputStream.nullOutputStream()));
    }

    /** The file is empty on the disk, so reading all of it would take minutes. */
    @Test
    void verify_hugeFile_sizeToldAtOnce() throws IOException {
        try (RandomAccessFile huge = new RandomAccessFile(file.toFile(), "rw")) {
            huge.setLength(1L << 40);
        }
        assertTimeoutPreemptively(
                Duration.ofSeconds(20),
                () ->
                        assertMessage(
                                "size of %s must be 3936 bytes, got 1099511627776".formatted(file),
                                this::verify));
    }

    private static final class Zeros extends InputStream {

        @Override
        public int read() {
            return 0;
        }
    }

    @Test
    void verify_otherPixel_message() throws IOException {
        Files.write(file, SyntheticMnist.damaged());
        assertMessage(
                "MD5 of %s must be %s, got %s"
                        .formatted(
                                file,
                                Synthetic.md5(SyntheticMnist.TRAIN),
                                Synthetic.md5(SyntheticMnist.damaged())),
                this::verify);
    }

    private void verify() throws IOException {
        Idx.verify(folder, SyntheticMnist.LAYOUT);
    }
}
