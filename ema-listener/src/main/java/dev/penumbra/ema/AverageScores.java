// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Evaluates the averages that can be run: those that a step has moved, with running statistics that
 * need no recomputation. The first time that others are left out, the log names them.
 */
final class AverageScores {

    private static final Logger logger = LoggerFactory.getLogger(AverageScores.class);

    private boolean told;

    /** Returns the value of each evaluator, by its name, by the name of the average. */
    Map<String, Map<String, Float>> of(WeightAverages averages, Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        Map<String, Map<String, Float>> values = new LinkedHashMap<>();
        Set<String> unrated = new LinkedHashSet<>();
        for (String name : averages.names()) {
            WeightAverage average = averages.get(name);
            if (average.isCurrent()) {
                values.put(name, average.evaluate(trainer, dataset));
            } else {
                unrated.add(name);
            }
        }
        if (!unrated.isEmpty() && !told) {
            told = true;
            logger.warn(
                    "The averages {} are not rated before a step has moved them and their running"
                            + " statistics have been computed after it",
                    unrated);
        }
        return values;
    }
}
