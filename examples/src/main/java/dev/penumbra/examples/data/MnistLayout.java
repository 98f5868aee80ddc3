// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

/**
 * What a folder of MNIST images must hold, down to the last byte.
 *
 * @param train the file of the training images
 * @param test the file of the test images
 */
record MnistLayout(Part train, Part test) {

    static final String TRAIN_FILE = "train-images-idx3-ubyte";
    static final String TEST_FILE = "t10k-images-idx3-ubyte";

    /**
     * A file with a known checksum.
     *
     * @param name the name of the file
     * @param images the number of images
     * @param md5 the checksum of the file, in hexadecimal digits
     */
    record Part(String name, int images, String md5) {

        long bytes() {
            return Idx.HEADER + (long) images * Idx.PIXELS;
        }
    }

    /** Returns the data set as published: 60,000 training and 10,000 test images. */
    static MnistLayout full() {
        return new MnistLayout(
                new Part(TRAIN_FILE, 60_000, "6bbc9ace898e44ae57da46a324031adb"),
                new Part(TEST_FILE, 10_000, "2646ac647ad5339dbf082846283269ea"));
    }
}
