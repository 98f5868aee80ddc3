// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Sampler;

/**
 * Makes data sets of images that stay bytes until a batch of them is used.
 *
 * <p>A batch becomes float32 in [-1, 1] by \( y = x / 127.5 - 1 \).
 */
final class ByteImages {

    private ByteImages() {}

    /**
     * Begins a data set.
     *
     * @param images the images as UINT8; (N, C, H, W)
     */
    static ArrayDataset.Builder builder(NDArray images) {
        ArrayDataset.Builder builder = new ArrayDataset.Builder().setData(images);
        builder.addTransform(ByteImages::toFloat);
        return builder;
    }

    /**
     * Makes a data set whose images are their own labels.
     *
     * @param images the images as UINT8; (N, C, H, W)
     * @param sampler chooses the images of each batch
     */
    static ArrayDataset ofImages(NDArray images, Sampler sampler) {
        return builder(images)
                .optLabels(images)
                .addTargetTransform(ByteImages::toFloat)
                .setSampling(sampler)
                .build();
    }

    /** Converts a batch, which may be a view of the data set and is closed. */
    private static NDArray toFloat(NDArray bytes) {
        try (bytes) {
            return bytes.toType(DataType.FLOAT32, true).divi(127.5f).subi(1f);
        }
    }
}
