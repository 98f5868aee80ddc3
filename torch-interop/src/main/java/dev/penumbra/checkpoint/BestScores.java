// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.evaluator.Evaluator;
import ai.djl.translate.TranslateException;
import dev.penumbra.internal.TrainerEvaluation;
import java.io.IOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The validation of online and averaged weights, and the best score of each so far. */
final class BestScores {

    /**
     * How weights are rated.
     *
     * @param dataset the data, other than that of the final test
     * @param evaluator the name of an evaluator of the trainer, the loss among them
     * @param order whether higher or lower values are better
     */
    record Validation(Dataset dataset, String evaluator, ScoreOrder order) {

        Validation {
            Objects.requireNonNull(dataset, "dataset");
            Objects.requireNonNull(evaluator, "evaluator");
            Objects.requireNonNull(order, "order");
        }
    }

    private final Validation validation;
    private final Map<String, Float> best = new HashMap<>();

    BestScores(Validation validation) {
        this.validation = validation;
    }

    ScoreOrder order() {
        return validation.order();
    }

    /** Takes over what earlier checkpoints have reached. */
    void remember(Map<String, Float> scores) {
        best.clear();
        best.putAll(scores);
    }

    /** Rates the online weights and what the parts of the training can rate. */
    Map<String, Float> evaluate(Trainer trainer, Collection<TrainingPart> parts)
            throws IOException, TranslateException {
        List<String> known = trainer.getEvaluators().stream().map(Evaluator::getName).toList();
        if (!known.contains(validation.evaluator())) {
            throw new IllegalArgumentException(
                    "evaluator must be one of " + known + ", got " + validation.evaluator());
        }
        Map<String, Float> scores = new LinkedHashMap<>();
        Dataset dataset = validation.dataset();
        scores.put(
                Checkpoint.MODEL,
                value(
                        TrainerEvaluation.run(
                                trainer, dataset, (scope, inputs) -> trainer.evaluate(inputs))));
        for (TrainingPart part : parts) {
            part.evaluateAll(trainer, dataset)
                    .forEach(
                            (name, values) -> {
                                if (scores.putIfAbsent(name, value(values)) != null) {
                                    throw new IllegalArgumentException(
                                            "names of rated weights must differ, got '"
                                                    + name
                                                    + "' twice; '"
                                                    + Checkpoint.MODEL
                                                    + "' are the online weights");
                                }
                            });
        }
        return scores;
    }

    private float value(Map<String, Float> values) {
        return Objects.requireNonNull(values.get(validation.evaluator()));
    }

    /** Keeps what is better than before and tells whether there is such a score. */
    boolean improve(Map<String, Float> scores) {
        boolean improved = false;
        for (Map.Entry<String, Float> score : scores.entrySet()) {
            float before = best.getOrDefault(score.getKey(), Float.NaN);
            if (validation.order().isBetter(score.getValue(), before)) {
                best.put(score.getKey(), score.getValue());
                improved = true;
            }
        }
        return improved;
    }
}
