// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.training;

import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * The number of optimizer steps that a training has taken: 0 before the first.
 *
 * <p>As a listener it counts every {@code Trainer.step()} of the trainers that it was given to, in
 * any loop. Saved and restored it goes on from where it was. A loop that moves the weights without
 * {@code Trainer.step()} sets the number itself.
 */
public final class StepCount extends TrainingListenerAdapter implements LongSupplier, Stateful {

    /** The name of the number in a saved state. */
    public static final String NAME = "step";

    private final AtomicLong step = new AtomicLong();
    private final Set<Trainer> open =
            Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));
    private final StepObserver observer =
            new StepObserver() {
                @Override
                public void afterStep(Trainer trainer) {
                    step.incrementAndGet();
                }
            };
    private final List<StepObserver> others;
    private volatile boolean set;

    /**
     * Begins at 0.
     *
     * @param others what is told of the steps that are counted
     */
    public StepCount(StepObserver... others) {
        this.others = List.of(others);
    }

    @Override
    public void onTrainingBegin(Trainer trainer) {
        OptimizerSteps steps = OptimizerSteps.of(trainer);
        steps.add(observer);
        others.forEach(steps::add);
        open.add(trainer);
    }

    @Override
    public void onTrainingEnd(Trainer trainer) {
        open.remove(trainer);
    }

    /**
     * Sets the number.
     *
     * @param step optimizer steps taken, at least 0
     * @throws IllegalArgumentException if it is negative
     */
    public void set(long step) {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0, got " + step);
        }
        this.step.set(step);
        set = true;
    }

    @Override
    public long getAsLong() {
        return step.get();
    }

    /**
     * Tells whether the number moves, because a trainer is open whose steps are counted, or because
     * the program sets it.
     *
     * @return whether it does
     */
    public boolean isCounting() {
        return set || !open.isEmpty();
    }

    /**
     * Tells whether the steps of a trainer are counted.
     *
     * @param trainer the trainer
     * @return whether they are
     */
    public boolean isCounting(Trainer trainer) {
        return open.contains(trainer);
    }

    @Override
    public State state() {
        return State.of(Map.of(NAME, Long.toString(step.get())));
    }

    @Override
    public List<String> differences(SavedState saved) {
        return new StateCheck(saved).count(NAME).end();
    }

    @Override
    public void restore(SavedState saved) {
        step.set(Long.parseLong(saved.values().getOrDefault(NAME, "")));
    }
}
