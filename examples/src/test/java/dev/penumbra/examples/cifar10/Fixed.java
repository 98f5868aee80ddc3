// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.ndarray.NDManager;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.function.UnaryOperator;

/** Predictions whose logits are given. */
final class Fixed {

    private Fixed() {}

    /** Returns predictions made in batches of two, so that the last one may be short. */
    static TestPredictions predictions(long[] labels, float[][] logits)
            throws IOException, TranslateException {
        try (NDManager manager = NDManager.newBaseManager()) {
            ArrayDataset dataset =
                    new ArrayDataset.Builder()
                            .setData(manager.create(logits))
                            .optLabels(manager.create(labels))
                            .setSampling(2, false)
                            .build();
            return TestPredictions.of(manager, dataset, labels.length, UnaryOperator.identity());
        }
    }
}
