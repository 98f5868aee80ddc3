// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.metric.Metrics;
import ai.djl.training.Trainer;

/** What a trainer's metrics are told of averages. */
final class AverageMetrics {

    private AverageMetrics() {}

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
}
