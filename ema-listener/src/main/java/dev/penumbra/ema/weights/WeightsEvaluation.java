// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.internal.TrainerEvaluation;
import java.io.IOException;
import java.util.Map;

/** Runs a trainer's evaluators over a data set with averaged weights. */
final class WeightsEvaluation {

    private WeightsEvaluation() {}

    /** Evaluates weights that stay as they are meanwhile. */
    @SuppressWarnings("try") // the use only has to end
    static Map<String, Float> run(ModelWeights weights, Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        try (WeightsMemory.Use use = weights.use()) {
            return TrainerEvaluation.run(trainer, dataset, weights::run);
        }
    }
}
