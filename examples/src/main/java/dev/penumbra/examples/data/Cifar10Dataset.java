// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.Artifact;
import ai.djl.repository.MRL;
import ai.djl.repository.Repository;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.BatchSampler;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.dataset.RandomSampler;
import ai.djl.training.dataset.Sampler;
import ai.djl.training.dataset.SequenceSampler;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * Makes data sets that keep the images as bytes and convert one batch at a time.
 *
 * <p>A batch has images of shape (B, 3, 32, 32) as float32 in [-1, 1] and labels of shape (B) as
 * int64. All 50,000 training images take 154 MB. The last batch of an epoch may be shorter.
 *
 * <p>Values are converted as
 *
 * <p>\[ y = x / 127.5 - 1, \quad x \in \{0, \dots, 255\}, \]
 *
 * <p>with one rounding for the quotient and one for the difference. In float32 this is bit for bit
 * {@code (x / 255 - 0.5) / 0.5}, which PyTorch's {@code ToTensor} and {@code Normalize(0.5, 0.5)}
 * compute, since the two differ only by factors of 2.
 */
public final class Cifar10Dataset {

    private Cifar10Dataset() {}

    /**
     * Which images make a batch.
     *
     * @param batchSize images per batch, at least 1
     * @param shuffle whether each epoch has an order of its own, drawn from DJL's random generator
     * @param limit how many images to use at most, the first ones; at least 1
     */
    public record Sampling(int batchSize, boolean shuffle, long limit) {

        /** Checks the numbers. */
        public Sampling {
            if (batchSize < 1) {
                throw new IllegalArgumentException(
                        "batchSize must be at least 1, got " + batchSize);
            }
            if (limit < 1) {
                throw new IllegalArgumentException("limit must be at least 1, got " + limit);
            }
        }
    }

    /**
     * Loads all images of a split.
     *
     * @param manager owns the arrays of the data set and decides on the device
     * @param data the images
     * @param usage {@code TRAIN} or {@code TEST}
     * @param batchSize images per batch, at least 1
     * @param shuffle whether each epoch has an order of its own
     * @return the data set, which is usable until the manager is closed
     * @throws IOException if the files cannot be read
     */
    public static ArrayDataset of(
            NDManager manager,
            Cifar10Data data,
            Dataset.Usage usage,
            int batchSize,
            boolean shuffle)
            throws IOException {
        return of(manager, data, usage, new Sampling(batchSize, shuffle, Long.MAX_VALUE));
    }

    /**
     * Loads all images of a split.
     *
     * @param manager owns the arrays of the data set and decides on the device
     * @param data the images
     * @param usage {@code TRAIN} or {@code TEST}
     * @param sampler chooses the images of each batch
     * @return the data set, which is usable until the manager is closed
     * @throws IOException if the files cannot be read
     */
    public static ArrayDataset of(
            NDManager manager, Cifar10Data data, Dataset.Usage usage, Sampler sampler)
            throws IOException {
        return of(manager, data, usage, sampler, Long.MAX_VALUE);
    }

    /**
     * Loads images of a split.
     *
     * @param manager owns the arrays of the data set and decides on the device
     * @param data the images
     * @param usage {@code TRAIN} or {@code TEST}
     * @param sampling which images make a batch
     * @return the data set, which is usable until the manager is closed
     * @throws IOException if the files cannot be read
     */
    public static ArrayDataset of(
            NDManager manager, Cifar10Data data, Dataset.Usage usage, Sampling sampling)
            throws IOException {
        Sampler.SubSampler order = sampling.shuffle() ? new RandomSampler() : new SequenceSampler();
        Sampler sampler = new BatchSampler(order, sampling.batchSize());
        return of(manager, data, usage, sampler, sampling.limit());
    }

    /**
     * Loads all images of a split as their own labels, for an autoencoder.
     *
     * @param manager owns the arrays of the data set and decides on the device
     * @param data the images
     * @param usage {@code TRAIN} or {@code TEST}
     * @param sampler chooses the images of each batch
     * @return the data set, which is usable until the manager is closed
     * @throws IOException if the files cannot be read
     */
    public static ArrayDataset ofImages(
            NDManager manager, Cifar10Data data, Dataset.Usage usage, Sampler sampler)
            throws IOException {
        return of(
                manager,
                data,
                usage,
                Long.MAX_VALUE,
                (images, labels) -> ByteImages.ofImages(images, sampler));
    }

    private static ArrayDataset of(
            NDManager manager, Cifar10Data data, Dataset.Usage usage, Sampler sampler, long limit)
            throws IOException {
        return of(
                manager,
                data,
                usage,
                limit,
                (images, labels) ->
                        ByteImages.builder(images).optLabels(labels).setSampling(sampler).build());
    }

    private static ArrayDataset of(
            NDManager manager,
            Cifar10Data data,
            Dataset.Usage usage,
            long limit,
            BiFunction<NDArray, NDArray, ArrayDataset> make)
            throws IOException {
        String name = Layout.file(usage);
        Repository repository = data.repository();
        MRL mrl = DjlServer.mrl(repository);
        Artifact artifact = mrl.getDefaultArtifact();
        mrl.prepare(artifact);
        Artifact.@Nullable Item item = artifact.getFiles().get(name);
        if (item == null) {
            throw new DataException(
                    "data folder must contain %s, got %s without it"
                            .formatted(name, data.folder()));
        }
        try (InputStream in = repository.openStream(item, null)) {
            long images = Math.min(limit, item.getSize() / Records.SIZE);
            return load(manager, in, item.getName(), Math.toIntExact(images), make);
        }
    }

    private static ArrayDataset load(
            NDManager manager,
            InputStream in,
            String name,
            int images,
            BiFunction<NDArray, NDArray, ArrayDataset> make)
            throws IOException {
        ByteBuffer pixels = manager.allocateDirect(images * Records.PIXELS);
        long[] labels = new long[images];
        int[] done = {0};
        Records.read(
                in,
                name,
                0,
                images,
                (chunk, n) -> {
                    for (int i = 0; i < n; i++) {
                        labels[done[0]++] = chunk[i * Records.SIZE];
                        pixels.put(chunk, i * Records.SIZE + 1, Records.PIXELS);
                    }
                });
        pixels.rewind();
        // On a CPU the array is the buffer, so there is no second copy.
        NDArray array = manager.create(pixels, new Shape(images, 3, 32, 32), DataType.UINT8);
        return make.apply(array, manager.create(labels));
    }
}
