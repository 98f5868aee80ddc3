// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.ndarray.NDManager;
import ai.djl.repository.Repository;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.dataset.Sampler;
import ai.djl.training.util.ProgressBar;
import ai.djl.util.Progress;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * A folder with the images in the layout that DJL reads, every byte of which has been checked.
 *
 * <p>The folder has {@code data_batch.bin}, the training images, and {@code test_batch.bin}.
 *
 * @param folder the folder
 * @param source where the images came from: {@code folder}, {@code cache}, {@code sample} or the
 *     name of the server
 * @param checksums the MD5 sum of each file of the original data set, or of the sample, in order
 * @see <a href="https://www.cs.toronto.edu/~kriz/cifar.html">Krizhevsky (2009), Learning Multiple
 *     Layers of Features from Tiny Images</a>
 */
public record Cifar10Data(Path folder, String source, Map<String, String> checksums)
        implements ImageData {

    static final String NAME = "CIFAR-10";

    /** The names of the classes; the index is the label. */
    public static final List<String> CLASSES =
            List.of(
                    "airplane",
                    "automobile",
                    "bird",
                    "cat",
                    "deer",
                    "dog",
                    "frog",
                    "horse",
                    "ship",
                    "truck");

    /**
     * Finds the data set: 50,000 training and 10,000 test images.
     *
     * <p>Without a folder in the request this tries the cache, which is {@code penumbra/cifar10} in
     * DJL's cache folder, then DJL's data set server, then npm, and fills the cache. What a killed
     * download left is used by the next one.
     *
     * @param request the user's wishes
     * @param progress is told about downloads; one thread at a time uses it
     * @return the data set
     * @throws DataException if the folder of the request is not right, or no place has the images
     * @throws IOException if the cache cannot be written
     */
    public static Cifar10Data resolve(DataRequest request, Progress progress) throws IOException {
        return Cifar10Resolver.full().resolve(request, progress);
    }

    /**
     * Returns 1,000 training and 300 test images, the first ones of the data set.
     *
     * <p>They come with this class and are copied to {@code penumbra/cifar10-sample} in DJL's cache
     * folder, because a repository needs files.
     *
     * @return the sample
     * @throws IOException if the cache cannot be written
     */
    public static Cifar10Data sample() throws IOException {
        Cifar10Data data = Cifar10Resolver.sample().resolve(DataRequest.any(), new ProgressBar());
        return new Cifar10Data(data.folder(), "sample", data.checksums());
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public List<String> classes() {
        return CLASSES;
    }

    @Override
    public int count(Dataset.Usage usage) throws IOException {
        return Math.toIntExact(Files.size(folder.resolve(Layout.file(usage))) / Records.SIZE);
    }

    @Override
    public ArrayDataset images(NDManager manager, Dataset.Usage usage, Sampler sampler)
            throws IOException {
        return Cifar10Dataset.ofImages(manager, this, usage, sampler);
    }

    /**
     * Returns the folder as a repository, which DJL's own {@code Cifar10} can read as well.
     *
     * @return the repository
     */
    public Repository repository() {
        return Repository.newInstance("cifar10", folder.toString());
    }

    /**
     * Returns the label of a test image.
     *
     * @param index the position of the image in the test set
     * @return the label, an index into {@link #CLASSES}
     * @throws IndexOutOfBoundsException if the test set has no such image
     * @throws IOException if the file cannot be read
     */
    public int label(int index) throws IOException {
        return testRecord(index)[0];
    }

    /**
     * Returns a test image as a PNG file of 32 x 32 RGB pixels.
     *
     * @param index the position of the image in the test set
     * @return the content of the file
     * @throws IndexOutOfBoundsException if the test set has no such image
     * @throws IOException if the file cannot be read
     */
    public byte[] png(int index) throws IOException {
        byte[] record = testRecord(index);
        BufferedImage image = new BufferedImage(32, 32, BufferedImage.TYPE_INT_RGB);
        for (int p = 0; p < Records.PLANE; p++) {
            int red = record[1 + p] & 0xff;
            int green = record[1 + Records.PLANE + p] & 0xff;
            int blue = record[1 + 2 * Records.PLANE + p] & 0xff;
            image.setRGB(p % 32, p / 32, red << 16 | green << 8 | blue);
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ImageOutputStream out = new MemoryCacheImageOutputStream(bytes)) {
            ImageIO.write(image, "png", out);
        }
        return bytes.toByteArray();
    }

    private byte[] testRecord(int index) throws IOException {
        Path file = folder.resolve(Layout.TEST_FILE);
        try (FileChannel in = FileChannel.open(file)) {
            long images = in.size() / Records.SIZE;
            if (index < 0 || index >= images) {
                throw new IndexOutOfBoundsException(
                        "index must be in [0, %d), got %d".formatted(images, index));
            }
            ByteBuffer record = ByteBuffer.allocate(Records.SIZE);
            in.position((long) index * Records.SIZE);
            while (record.hasRemaining()) {
                if (in.read(record) < 0) {
                    throw new DataException("%s must have record %d".formatted(file, index));
                }
            }
            return record.array();
        }
    }
}
