// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * The number of optimizer steps taken before the current batch: 0 for the first.
 *
 * <p>As a listener it counts batches, which are steps where each batch is followed by one. A
 * training that collects gradients of several batches sets the number itself. Saved and restored it
 * goes on from where it was.
 */
public final class StepCounter extends TrainingListenerAdapter implements LongSupplier, Stateful {

    private static final String NAME = "step";

    private volatile long step;
    private volatile boolean counting;

    /** Begins at 0. */
    public StepCounter() {}

    @Override
    public void onTrainingBegin(Trainer trainer) {
        counting = true;
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        set(step + 1);
    }

    /**
     * Sets the number.
     *
     * @param step optimizer steps taken, at least 0
     */
    public void set(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0, got " + step);
        }
        this.step = step;
        counting = true;
    }

    @Override
    public long getAsLong() {
        return step;
    }

    /** Whether anything has ever told it a step or that it will. */
    boolean counting() {
        return counting;
    }

    @Override
    public State state() {
        return State.of(Map.of(NAME, Long.toString(step)));
    }

    @Override
    public List<String> differences(SavedState saved) {
        return new StateCheck(saved).count(NAME).end();
    }

    @Override
    public void restore(SavedState saved) {
        set(Long.parseLong(saved.values().getOrDefault(NAME, "")));
    }
}
