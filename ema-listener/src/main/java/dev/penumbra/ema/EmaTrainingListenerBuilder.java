// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The builder of an {@link EmaTrainingListener}. */
public final class EmaTrainingListenerBuilder
        extends EmaConfig.BaseBuilder<EmaTrainingListenerBuilder> {

    private int metricsEvery = 100;
    private boolean automatic = true;
    private final List<AfterStep> observers = new ArrayList<>();

    EmaTrainingListenerBuilder() {}

    @Override
    EmaTrainingListenerBuilder self() {
        return this;
    }

    /**
     * Sets how often step, decay and distance go to the trainer's metrics, if it has any; they also
     * go there at the end of each epoch. Default: every 100 steps.
     *
     * @param steps the number of steps, at least 1
     * @return this builder
     */
    public EmaTrainingListenerBuilder optMetricsEvery(int steps) {
        if (steps < 1) {
            throw new IllegalArgumentException("metricsEvery must be at least 1, got " + steps);
        }
        metricsEvery = steps;
        return this;
    }

    /**
     * Averages only when {@link EmaTrainingListener#update()} is called. Default: the listener sees
     * the steps itself.
     *
     * @return this builder
     */
    public EmaTrainingListenerBuilder optManualUpdates() {
        automatic = false;
        return this;
    }

    /**
     * Adds what runs right after each step has been averaged, in the order of the calls. Default:
     * nothing.
     *
     * @param observer what runs
     * @return this builder
     */
    public EmaTrainingListenerBuilder optAfterStep(AfterStep observer) {
        observers.add(Objects.requireNonNull(observer, "observer"));
        return this;
    }

    /**
     * Builds the listener.
     *
     * @return the listener
     * @throws IllegalArgumentException if no schedule is set or a pattern is not a regular
     *     expression
     */
    public EmaTrainingListener build() {
        return new EmaTrainingListener(this);
    }

    int metricsEvery() {
        return metricsEvery;
    }

    boolean isAutomatic() {
        return automatic;
    }

    List<AfterStep> observers() {
        return observers;
    }
}
