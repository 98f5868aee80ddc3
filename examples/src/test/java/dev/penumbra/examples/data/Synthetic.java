// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import javax.imageio.ImageIO;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/** A data set with the published layout and very few images: 3 + 2 for training, 4 for testing. */
final class Synthetic {

    static final byte[] FIRST = records(3, 1);
    static final byte[] SECOND = records(2, 2);
    static final byte[] TEST = records(4, 3);
    static final Layout LAYOUT =
            new Layout(
                    List.of(
                            new Layout.Part("data_batch_1.bin", 3, md5(FIRST)),
                            new Layout.Part("data_batch_2.bin", 2, md5(SECOND))),
                    new Layout.Part("test_batch.bin", 4, md5(TEST)));

    private Synthetic() {}

    static byte[] records(int n, long seed) {
        byte[] records = new byte[n * 3073];
        Random random = new Random(seed);
        random.nextBytes(records);
        for (int i = 0; i < n; i++) {
            records[i * 3073] = (byte) random.nextInt(10);
        }
        return records;
    }

    static byte[] train() {
        byte[] all = Arrays.copyOf(FIRST, FIRST.length + SECOND.length);
        System.arraycopy(SECOND, 0, all, FIRST.length, SECOND.length);
        return all;
    }

    static String md5(byte[] bytes) {
        return HexFormat.of().formatHex(Records.md5().digest(bytes));
    }

    static Path folder(Path folder) throws IOException {
        Files.createDirectories(folder);
        Files.write(folder.resolve("data_batch.bin"), train());
        Files.write(folder.resolve("test_batch.bin"), TEST);
        return folder;
    }

    static Path originalFolder(Path folder) throws IOException {
        Files.createDirectories(folder);
        Files.write(folder.resolve("data_batch_1.bin"), FIRST);
        Files.write(folder.resolve("data_batch_2.bin"), SECOND);
        Files.write(folder.resolve("test_batch.bin"), TEST);
        return folder;
    }

    static List<String> names(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> folder.relativize(f).toString()).sorted().toList();
        }
    }

    /** Returns the entries of the npm package. */
    static Map<String, byte[]> entries() throws IOException {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("package/package.json", "{}".getBytes(StandardCharsets.UTF_8));
        entries.put("package/data_batch_2.png", png(SECOND));
        entries.put("package/data_batch_1.png", png(FIRST));
        entries.put("package/test_batch.png", png(TEST));
        entries.put("package/test_lables.json", labels(TEST));
        entries.put("package/train_lables.json", labels(train()));
        return entries;
    }

    static byte[] tgz(Map<String, byte[]> entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream gzip = new GZIPOutputStream(bytes);
                TarArchiveOutputStream tar = new TarArchiveOutputStream(gzip)) {
            for (Map.Entry<String, byte[]> e : entries.entrySet()) {
                TarArchiveEntry entry = new TarArchiveEntry(e.getKey());
                entry.setSize(e.getValue().length);
                tar.putArchiveEntry(entry);
                tar.write(e.getValue());
                tar.closeArchiveEntry();
            }
        }
        return bytes.toByteArray();
    }

    static byte[] png(byte[] records) throws IOException {
        int n = records.length / 3073;
        BufferedImage image = new BufferedImage(1024, n, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < n; y++) {
            for (int x = 0; x < 1024; x++) {
                int red = records[y * 3073 + 1 + x] & 0xff;
                int green = records[y * 3073 + 1025 + x] & 0xff;
                int blue = records[y * 3073 + 2049 + x] & 0xff;
                image.setRGB(x, y, red << 16 | green << 8 | blue);
            }
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        ImageIO.write(image, "png", bytes);
        return bytes.toByteArray();
    }

    static byte[] labels(byte[] records) {
        return IntStream.range(0, records.length / 3073)
                .mapToObj(i -> Byte.toString(records[i * 3073]))
                .collect(Collectors.joining(",", "[", "]"))
                .getBytes(StandardCharsets.UTF_8);
    }
}
