// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.dataset.Sampler;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Images of a data set, every byte of which has been checked. */
public interface ImageData {

    /**
     * Returns what the data set is called.
     *
     * @return the name
     */
    String name();

    /**
     * Returns where the images came from.
     *
     * @return {@code folder}, {@code cache}, {@code sample} or the name of a server
     */
    String source();

    /**
     * Returns the MD5 sum of each file, in order.
     *
     * @return the sums in hexadecimal digits, by the name of the file
     */
    Map<String, String> checksums();

    /**
     * Returns the names of the classes.
     *
     * @return the names; the index is the label
     */
    List<String> classes();

    /**
     * Counts the images of a split.
     *
     * @param usage {@code TRAIN} or {@code TEST}
     * @return the number of images
     * @throws IOException if the files cannot be read
     */
    int count(Dataset.Usage usage) throws IOException;

    /**
     * Loads all images of a split as their own labels, for an autoencoder: float32 in [-1, 1].
     *
     * @param manager owns the arrays of the data set and decides on the device
     * @param usage {@code TRAIN} or {@code TEST}
     * @param sampler chooses the images of each batch
     * @return the data set, which is usable until the manager is closed; batches of (B, C, H, W)
     * @throws IOException if the files cannot be read
     */
    ArrayDataset images(NDManager manager, Dataset.Usage usage, Sampler sampler) throws IOException;
}
