// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

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
import java.util.function.UnaryOperator;

/**
 * Rates predictions over a data set with the loss and the evaluators of a trainer, which have an
 * accumulator of their own for it: what they accumulate for the trainer stays as it is.
 */
public final class TrainerEvaluation {

    private static final String ACCUMULATOR = "penumbra";

    private TrainerEvaluation() {}

    /** What predicts. */
    @FunctionalInterface
    public interface Predictor {

        /**
         * Predicts.
         *
         * @param scope the manager of what is needed for one batch only
         * @param inputs the inputs of the batch
         * @return the outputs
         */
        NDList predict(NDManager scope, NDList inputs);
    }

    /**
     * Rates predictions.
     *
     * @param trainer the trainer
     * @param dataset the data
     * @param predictor what predicts
     * @return the value of each evaluator, by its name
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @throws IllegalStateException if the trainer is closed
     */
    public static Map<String, Float> run(Trainer trainer, Dataset dataset, Predictor predictor)
            throws IOException, TranslateException {
        if (!trainer.getManager().isOpen()) {
            throw new IllegalStateException(
                    "The trainer is closed: evaluate before it is, or with another one");
        }
        synchronized (trainer.getEvaluators()) {
            for (Evaluator evaluator : trainer.getEvaluators()) {
                evaluator.addAccumulator(ACCUMULATOR);
                evaluator.resetAccumulator(ACCUMULATOR);
            }
            for (Batch batch : trainer.iterateDataset(dataset)) {
                try (batch;
                        NDManager scope = trainer.getManager().newSubManager()) {
                    accumulate(trainer, batch, inputs -> predictor.predict(scope, inputs));
                }
            }
            Map<String, Float> values = new LinkedHashMap<>();
            for (Evaluator evaluator : trainer.getEvaluators()) {
                values.put(evaluator.getName(), evaluator.getAccumulator(ACCUMULATOR));
            }
            return values;
        }
    }

    private static void accumulate(Trainer trainer, Batch batch, UnaryOperator<NDList> model) {
        String[] keys = {ACCUMULATOR};
        for (Batch split : batch.split(trainer.getDevices(), false)) {
            NDList labels = split.getLabels();
            NDList predictions = model.apply(split.getData());
            for (Evaluator evaluator : trainer.getEvaluators()) {
                evaluator.updateAccumulators(keys, labels, predictions);
            }
        }
    }
}
