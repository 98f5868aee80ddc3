// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.training.dataset.Dataset;
import java.util.List;

/**
 * What a folder of CIFAR-10 images must hold, down to the last byte.
 *
 * <p>{@code data_batch.bin} is the training parts one after the other and {@code test_batch.bin} is
 * the test part.
 *
 * @param train the parts of {@code data_batch.bin}, in order
 * @param test the only part of {@code test_batch.bin}
 */
record Layout(List<Part> train, Part test) {

    static final String TRAIN_FILE = "data_batch.bin";
    static final String TEST_FILE = "test_batch.bin";

    /** The file of a split. */
    static String file(Dataset.Usage usage) {
        return Split.choose(usage, TRAIN_FILE, TEST_FILE);
    }

    /**
     * A run of records with a known checksum.
     *
     * @param name the name that a report shows, which is the file name in the original data set
     * @param records the number of images
     * @param md5 the checksum of the records, in hexadecimal digits
     */
    record Part(String name, int records, String md5) {

        long bytes() {
            return (long) records * Records.SIZE;
        }
    }

    Layout {
        train = List.copyOf(train);
    }

    /** Returns the data set as published: 50,000 training and 10,000 test images. */
    static Layout full() {
        return new Layout(
                List.of(
                        new Part("data_batch_1.bin", 10_000, "5dd7e06a14cb22eb9f671a540d1b7c25"),
                        new Part("data_batch_2.bin", 10_000, "5ea93a67294ea407fff1d09f752e9692"),
                        new Part("data_batch_3.bin", 10_000, "942cd6a4bcdd0dd3c604fbe906cb4421"),
                        new Part("data_batch_4.bin", 10_000, "ae636b3ba5c66a11e91e8cb52e771fcb"),
                        new Part("data_batch_5.bin", 10_000, "53f37980c15c3d472c316c40844f3f0d")),
                new Part(TEST_FILE, 10_000, "803d5f7f4d78ea53de84dbe85f74fb6d"));
    }

    /** Returns the sample that comes with the examples: 1,000 training and 300 test images. */
    static Layout sample() {
        return new Layout(
                List.of(new Part(TRAIN_FILE, 1_000, "6672568c6f9da0ae2d58cd800deb0f83")),
                new Part(TEST_FILE, 300, "95c4bc76cb313d49e845ed2c7248341e"));
    }
}
