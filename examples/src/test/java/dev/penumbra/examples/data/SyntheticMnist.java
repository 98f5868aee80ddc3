// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/** MNIST with the published layout and very few images: 5 for training, 4 for testing. */
final class SyntheticMnist {

    static final String TRAIN_NAME = "train-images-idx3-ubyte";
    static final String TEST_NAME = "t10k-images-idx3-ubyte";
    static final byte[] TRAIN = idx(5, 1);
    static final byte[] TEST = idx(4, 2);
    static final MnistLayout LAYOUT =
            new MnistLayout(
                    new MnistLayout.Part(TRAIN_NAME, 5, Synthetic.md5(TRAIN)),
                    new MnistLayout.Part(TEST_NAME, 4, Synthetic.md5(TEST)));

    private SyntheticMnist() {}

    static byte[] idx(int n, long seed) {
        byte[] pixels = new byte[n * 784];
        new Random(seed).nextBytes(pixels);
        return ByteBuffer.allocate(16 + pixels.length)
                .putInt(2051)
                .putInt(n)
                .putInt(28)
                .putInt(28)
                .put(pixels)
                .array();
    }

    /** Returns the training file with another integer in its header. */
    static byte[] header(int position, int value) {
        byte[] bytes = TRAIN.clone();
        ByteBuffer.wrap(bytes).putInt(position, value);
        return bytes;
    }

    /** Returns the training file with another pixel. */
    static byte[] damaged() {
        byte[] bytes = TRAIN.clone();
        bytes[bytes.length - 1] ^= 1;
        return bytes;
    }

    static Path folder(Path folder) throws IOException {
        Files.createDirectories(folder);
        Files.write(folder.resolve(TRAIN_NAME), TRAIN);
        Files.write(folder.resolve(TEST_NAME), TEST);
        return folder;
    }

    static Path compressedFolder(Path folder) throws IOException {
        Files.createDirectories(folder);
        Files.write(folder.resolve(TRAIN_NAME + ".gz"), gzip(TRAIN));
        Files.write(folder.resolve(TEST_NAME + ".gz"), gzip(TEST));
        return folder;
    }

    static byte[] gzip(byte[] bytes) throws IOException {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (OutputStream out = new GZIPOutputStream(compressed)) {
            out.write(bytes);
        }
        return compressed.toByteArray();
    }

    /** Returns the entries of the npm package. */
    static Map<String, byte[]> entries() {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("package/package.json", "{}".getBytes(StandardCharsets.UTF_8));
        entries.put("package/data/" + TEST_NAME, TEST);
        entries.put("package/data/t10k-labels-idx1-ubyte", new byte[12]);
        entries.put("package/data/" + TRAIN_NAME, TRAIN);
        return entries;
    }
}
