// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import ai.djl.util.Progress;
import java.io.IOException;
import java.util.Iterator;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A data set whose images are their own labels, as a {@link VaeLoss} wants them.
 *
 * <p>The labels of the data set itself, such as classes, are left out. Arrays are not copied.
 */
public final class ImagesAsLabels implements Dataset {

    private final Dataset images;

    private ImagesAsLabels(Dataset images) {
        this.images = images;
    }

    /**
     * Makes the images of a data set their own labels.
     *
     * @param images the data set, with one array of images in each batch, with labels or without
     * @return the data set
     */
    public static ImagesAsLabels of(Dataset images) {
        return new ImagesAsLabels(Objects.requireNonNull(images, "images"));
    }

    @Override
    public Iterable<Batch> getData(NDManager manager) throws IOException, TranslateException {
        Iterable<Batch> batches = images.getData(manager);
        return () -> relabeled(batches.iterator());
    }

    @Override
    public void prepare(@Nullable Progress progress) throws IOException, TranslateException {
        images.prepare(progress);
    }

    @SuppressWarnings("ReferenceEquality") // one list may be both
    private static Iterator<Batch> relabeled(Iterator<Batch> batches) {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return batches.hasNext();
            }

            @Override
            public Batch next() {
                Batch batch = batches.next();
                NDList labels = batch.getLabels();
                if (labels != batch.getData()) {
                    labels.clear();
                    labels.addAll(batch.getData());
                }
                return batch;
            }
        };
    }
}
