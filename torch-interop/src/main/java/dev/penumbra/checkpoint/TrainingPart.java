// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.util.Map;

/**
 * A part of a training that belongs to a trainer and has state of its own, such as the averages of
 * its weights.
 */
public interface TrainingPart {

    /**
     * Returns the state of this part for a trainer. It is restored in a thread of its own, beside
     * the weights of the model and the state of the optimizer.
     *
     * @param trainer the trainer
     * @return the state
     * @throws IllegalStateException if the model has no weights yet
     */
    Stateful state(Trainer trainer);

    /**
     * Refuses a training that this part does not take part in, because its listener was forgotten.
     *
     * @param trainer the trainer
     * @throws IllegalStateException if it does not; the message says what is missing
     */
    default void requireIn(Trainer trainer) {}

    /**
     * Rates the sets of weights that this part holds. What cannot be rated yet is left out.
     *
     * @param trainer the trainer, whose evaluators rate
     * @param dataset the data
     * @return the value of each evaluator, by its name, by the name of the weights
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     */
    default Map<String, Map<String, Float>> evaluateAll(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        return Map.of();
    }
}
