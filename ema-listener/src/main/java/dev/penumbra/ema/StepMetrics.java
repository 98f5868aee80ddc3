// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.metric.Dimension;
import ai.djl.metric.Metric;
import ai.djl.metric.Metrics;
import ai.djl.metric.Unit;
import ai.djl.training.Trainer;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Metrics that pass everything on to the user's and tell of each forward pass and each optimizer
 * step.
 *
 * <p>A {@code Trainer} reports the metric "step" inside {@code step()}, right after the weights
 * have changed, and "forward" after each forward pass. No listener event comes at these moments.
 */
final class StepMetrics extends Metrics {

    private static final String FORWARD = "forward";
    private static final String STEP = "step";
    private static final int OWN_LIMIT = 1000;

    private final @Nullable Metrics replaced;
    private final Metrics target;
    private final Runnable onForward;
    private final Runnable onStep;

    private StepMetrics(@Nullable Metrics replaced, Runnable onForward, Runnable onStep) {
        this.replaced = replaced;
        this.onForward = onForward;
        this.onStep = onStep;
        if (replaced == null) {
            target = new Metrics();
            target.setLimit(OWN_LIMIT);
        } else {
            target = replaced;
        }
    }

    /** Puts new metrics before the trainer's own. */
    static StepMetrics install(Trainer trainer, Runnable onForward, Runnable onStep) {
        StepMetrics metrics = new StepMetrics(trainer.getMetrics(), onForward, onStep);
        trainer.setMetrics(metrics);
        return metrics;
    }

    /** Tells whether the trainer's metrics lead here. */
    boolean isInstalled(Trainer trainer) {
        Metrics metrics = trainer.getMetrics();
        while (metrics instanceof StepMetrics other) {
            if (other == this) {
                return true;
            }
            metrics = other.target;
        }
        return false;
    }

    /** Gives the trainer its own metrics back, unless something else was put before them. */
    void uninstall(Trainer trainer) {
        if (trainer.getMetrics() == this) {
            trainer.setMetrics(replaced);
        }
    }

    /** The metrics that the user gave the trainer, if any. */
    @Nullable Metrics users() {
        return replaced instanceof StepMetrics other ? other.users() : replaced;
    }

    private void tell(String name) {
        if (STEP.equals(name)) {
            onStep.run();
        } else if (FORWARD.equals(name)) {
            onForward.run();
        }
    }

    @Override
    public void addMetric(Metric metric) {
        target.addMetric(metric);
        tell(metric.getMetricName());
    }

    @Override
    public void addMetric(String name, Number value) {
        target.addMetric(name, value);
        tell(name);
    }

    @Override
    public void addMetric(String name, Number value, Unit unit, Dimension... dimensions) {
        target.addMetric(name, value, unit, dimensions);
        tell(name);
    }

    @Override
    public void setLimit(int limit) {
        target.setLimit(limit);
    }

    @Override
    public void setOnLimit(BiConsumer<Metrics, String> onLimit) {
        target.setOnLimit(onLimit);
    }

    @Override
    public boolean hasMetric(String name) {
        return target.hasMetric(name);
    }

    @Override
    public List<Metric> getMetric(String name) {
        return target.getMetric(name);
    }

    @Override
    public Set<String> getMetricNames() {
        return target.getMetricNames();
    }

    @Override
    public Metric latestMetric(String name) {
        return target.latestMetric(name);
    }

    @Override
    public Metric percentile(String metricName, int percentile) {
        return target.percentile(metricName, percentile);
    }

    @Override
    public double mean(String metricName) {
        return target.mean(metricName);
    }
}
