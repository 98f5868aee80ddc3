// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import org.jspecify.annotations.Nullable;

/**
 * Which checkpoints stay when a new one has been saved.
 *
 * @param last how many of the latest stay, at least 1
 * @param best whether higher or lower scores are better, so that the best checkpoint of each set of
 *     weights stays too; null to keep none for its score
 */
record Retention(int last, @Nullable ScoreOrder best) {

    Retention {
        if (last < 1) {
            throw new IllegalArgumentException("keepLast must be at least 1, got " + last);
        }
    }
}
