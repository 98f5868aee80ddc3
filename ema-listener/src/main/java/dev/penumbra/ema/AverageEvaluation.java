// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.evaluator.Evaluator;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs a trainer's evaluators over a data set with averaged weights. */
final class AverageEvaluation {

    private static final String ACCUMULATOR = "ema";

    private AverageEvaluation() {}

    /** Evaluates weights that stay as they are meanwhile. */
    @SuppressWarnings("try") // the use only has to end
    static Map<String, Float> run(ModelWeights weights, Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        if (!trainer.getManager().isOpen()) {
            throw new IllegalStateException(
                    "The trainer is closed: evaluate before it is, or with another one");
        }
        try (WeightsMemory.Use use = weights.use()) {
            synchronized (trainer.getEvaluators()) {
                return evaluate(weights, trainer, dataset);
            }
        }
    }

    private static Map<String, Float> evaluate(
            ModelWeights weights, Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        for (Evaluator evaluator : trainer.getEvaluators()) {
            evaluator.addAccumulator(ACCUMULATOR);
            evaluator.resetAccumulator(ACCUMULATOR);
        }
        for (Batch batch : trainer.iterateDataset(dataset)) {
            try (batch;
                    NDManager scope = trainer.getManager().newSubManager()) {
                accumulate(weights, scope, trainer, batch);
            }
        }
        Map<String, Float> values = new LinkedHashMap<>();
        for (Evaluator evaluator : trainer.getEvaluators()) {
            values.put(evaluator.getName(), evaluator.getAccumulator(ACCUMULATOR));
        }
        return values;
    }

    private static void accumulate(
            ModelWeights weights, NDManager scope, Trainer trainer, Batch batch) {
        for (Batch split : batch.split(trainer.getDevices(), false)) {
            NDList labels = split.getLabels();
            NDList predictions = weights.run(scope, split.getData());
            String[] keys = {ACCUMULATOR};
            for (Evaluator evaluator : trainer.getEvaluators()) {
                evaluator.updateAccumulators(keys, labels, predictions);
            }
        }
    }
}
