// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.metric.Metrics;
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
 * What a training learns of its averages.
 *
 * <p>Scores are those of averages that can be run: that a step has moved, with running statistics
 * that need no recomputation. The first time that others are left out, the log names them.
 */
final class AverageMetrics {

    private static final Logger logger = LoggerFactory.getLogger(AverageMetrics.class);

    private boolean told;

    /**
     * Tells the trainer's metrics, if it has any, of steps, decays and distances. While averaged
     * weights are swapped in, distances from the online weights are left out.
     */
    static void report(Trainer trainer, WeightAverages averages) {
        Metrics metrics = trainer.getMetrics();
        if (metrics == null) {
            return;
        }
        boolean distances = averages.isUsable();
        metrics.addMetric(EmaTrainingListener.STEP_METRIC, averages.step());
        for (String name : averages.names()) {
            WeightAverage average = averages.get(name);
            String suffix = average == averages.main() ? "" : "_" + name;
            metrics.addMetric(EmaTrainingListener.DECAY_METRIC + suffix, average.decay());
            if (distances) {
                metrics.addMetric(EmaTrainingListener.DISTANCE_METRIC + suffix, average.distance());
            }
        }
    }

    /** Returns the value of each evaluator, by its name, by the name of the average. */
    Map<String, Map<String, Float>> scores(
            WeightAverages averages, Trainer trainer, Dataset dataset)
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
