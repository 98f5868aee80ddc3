// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import org.jspecify.annotations.Nullable;

/**
 * The number of batches that have been trained in the current epoch.
 *
 * <p>DJL's own loop tells of each batch. A loop that tells of none has trained what the sampler has
 * given out, unless the data is prepared ahead by an executor.
 */
final class EpochPosition {

    private final @Nullable ResumableSampler sampler;
    private long before;
    private long told;
    private long steps;

    EpochPosition(@Nullable ResumableSampler sampler) {
        this.sampler = sampler;
    }

    /** Begins an epoch, or goes on in one after so many batches. */
    void begin(long batches) {
        before = batches;
        told = 0;
        steps = 0;
    }

    /** Counts a batch that the loop has told of. */
    void batch() {
        told++;
    }

    /** Counts an optimizer step. */
    void step() {
        steps++;
    }

    /**
     * Returns the number of batches.
     *
     * @throws IllegalStateException if it cannot be known
     */
    long batches(@Nullable Trainer trainer) {
        if (told > 0 || steps == 0) {
            return before + told;
        }
        if (sampler == null) {
            return before + steps;
        }
        if (trainer != null && trainer.getExecutorService().isPresent()) {
            throw new IllegalStateException(
                    "The position in the data is unknown where an executor prepares it: train each"
                            + " batch by EasyTrain.trainBatch, or save at the ends of epochs only");
        }
        return sampler.drawn();
    }
}
