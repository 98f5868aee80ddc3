// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.training.dataset.Dataset;

/** Tells what belongs to the training images from what belongs to the test images. */
final class Split {

    private Split() {}

    /** Returns what belongs to a split. */
    static <T> T choose(Dataset.Usage usage, T train, T test) {
        return switch (usage) {
            case TRAIN -> train;
            case TEST -> test;
            case VALIDATION ->
                    throw new IllegalArgumentException(
                            "usage must be TRAIN or TEST, got VALIDATION");
        };
    }
}
