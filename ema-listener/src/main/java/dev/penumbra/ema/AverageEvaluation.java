// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
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

    static Map<String, Float> run(ModelWeights weights, Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        for (Evaluator evaluator : trainer.getEvaluators()) {
            evaluator.addAccumulator(ACCUMULATOR);
            evaluator.resetAccumulator(ACCUMULATOR);
        }
        try (NDManager scope = trainer.getManager().newSubManager()) {
            ParameterStore store = weights.parameterStore(scope);
            for (Batch batch : trainer.iterateDataset(dataset)) {
                try (batch) {
                    accumulate(store, trainer, batch);
                }
            }
        }
        Map<String, Float> values = new LinkedHashMap<>();
        for (Evaluator evaluator : trainer.getEvaluators()) {
            values.put(evaluator.getName(), evaluator.getAccumulator(ACCUMULATOR));
        }
        return values;
    }

    private static void accumulate(ParameterStore store, Trainer trainer, Batch batch) {
        Block block = trainer.getModel().getBlock();
        for (Batch split : batch.split(trainer.getDevices(), false)) {
            NDList labels = split.getLabels();
            NDList predictions = block.forward(store, split.getData(), false);
            String[] keys = {ACCUMULATOR};
            for (Evaluator evaluator : trainer.getEvaluators()) {
                evaluator.updateAccumulators(keys, labels, predictions);
            }
        }
    }
}
