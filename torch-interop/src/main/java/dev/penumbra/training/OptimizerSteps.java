// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.training;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterServer;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.internal.ModelGate;
import java.lang.reflect.Field;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The optimizer steps of one trainer, each told exactly once, whatever the loop that takes them.
 *
 * <p>{@code Trainer.step()} asks the trainer's parameter store to update all parameters, and every
 * forward pass reads the parameters from it. This class puts a store that passes everything on in
 * its place, so it knows the moments right before and right after each step. Metrics, listeners and
 * other trainers of the same model play no part. The state belongs to the trainer and goes with it.
 *
 * <p>A loop that moves the weights without {@code Trainer.step()} is not seen.
 */
public final class OptimizerSteps {

    private static final Field STORE = storeField(Trainer.class);

    private final Trainer trainer;
    private final ModelGate gate;
    private final CopyOnWriteArrayList<StepObserver> observers = new CopyOnWriteArrayList<>();
    private volatile boolean forwardSeen;
    private final AtomicLong taken = new AtomicLong();

    private OptimizerSteps(Trainer trainer) {
        this.trainer = trainer;
        gate = ModelGate.of(trainer.getModel());
    }

    /**
     * Returns the steps of a trainer, always the same object.
     *
     * @param trainer the trainer
     * @return its steps
     * @throws LinkageError if this version of DJL keeps the parameter store elsewhere
     */
    public static synchronized OptimizerSteps of(Trainer trainer) {
        ParameterStore store = storeOf(trainer);
        if (store instanceof ObservedStore observed) {
            return observed.steps;
        }
        OptimizerSteps steps = new OptimizerSteps(trainer);
        try {
            STORE.set(trainer, new ObservedStore(store, steps));
        } catch (IllegalAccessException e) {
            throw new LinkageError("Cannot write " + STORE, e);
        }
        return steps;
    }

    private static ParameterStore storeOf(Trainer trainer) {
        try {
            return (ParameterStore) Objects.requireNonNull(STORE.get(trainer), "parameterStore");
        } catch (IllegalAccessException e) {
            throw new LinkageError("Cannot read " + STORE, e);
        }
    }

    static Field storeField(Class<?> type) {
        try {
            Field field = type.getDeclaredField("parameterStore");
            if (field.getType() == ParameterStore.class) {
                field.setAccessible(true);
                return field;
            }
        } catch (NoSuchFieldException e) {
            // Told below, as a field of another type is.
        }
        throw new LinkageError(
                "Penumbra must find the field 'parameterStore' of type ParameterStore in "
                        + type.getName()
                        + ", which DJL "
                        + Engine.getDjlVersion()
                        + " does not have");
    }

    /**
     * Adds an observer, unless it has been added already.
     *
     * @param observer the observer, compared by identity
     */
    public void add(StepObserver observer) {
        Objects.requireNonNull(observer, "observer");
        synchronized (observers) {
            if (!has(observer)) {
                observers.add(observer);
            }
        }
    }

    /**
     * Removes an observer, if it is there.
     *
     * @param observer the observer
     */
    public void remove(StepObserver observer) {
        observers.removeIf(each -> each == observer);
    }

    /**
     * Tells whether an observer has been added.
     *
     * @param observer the observer
     * @return whether it has
     */
    public boolean has(StepObserver observer) {
        for (StepObserver each : observers) {
            if (each == observer) {
                return true;
            }
        }
        return false;
    }

    /**
     * Returns the number of steps that the trainer has taken since it was observed first.
     *
     * @return the number, at least 0
     */
    public long taken() {
        return taken.get();
    }

    /**
     * Lets the trainer take a first step whose gradients are all zero, which DJL refuses because
     * the backward pass may have been forgotten. For loops that know that there has been one.
     */
    public void allowZeroGradients() {
        Field field = field(trainer.getClass(), "gradientsChecked");
        if (field != null && field.getType() == boolean.class) {
            try {
                field.setAccessible(true);
                field.setBoolean(trainer, true);
            } catch (IllegalAccessException e) {
                throw new LinkageError("Cannot write " + field, e);
            }
        }
    }

    /**
     * Returns the optimizer that moves the trainer's weights.
     *
     * @return the optimizer of the trainer's configuration, or empty if this version of DJL keeps
     *     it elsewhere
     */
    public Optional<Optimizer> optimizer() {
        ParameterStore store = storeOf(trainer);
        Object server =
                read(store instanceof ObservedStore seen ? seen.store : store, "parameterServer");
        return server != null && read(server, "optimizer") instanceof Optimizer optimizer
                ? Optional.of(optimizer)
                : Optional.empty();
    }

    private static @Nullable Object read(Object owner, String name) {
        Field field = field(owner.getClass(), name);
        return field == null ? null : read(owner, field);
    }

    private static @Nullable Field field(Class<?> of, String name) {
        for (Class<?> type = of; type != null; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (field.getName().equals(name)) {
                    return field;
                }
            }
        }
        return null;
    }

    private static @Nullable Object read(Object owner, Field field) {
        try {
            field.setAccessible(true);
            return field.get(owner);
        } catch (IllegalAccessException e) {
            throw new LinkageError("Cannot read " + field, e);
        }
    }

    private synchronized void forwardBegins() {
        if (!forwardSeen) {
            for (StepObserver observer : observers) {
                observer.beforeForward(trainer);
            }
            forwardSeen = true;
        }
    }

    private void step(ParameterStore store) {
        gate.beginStep();
        try {
            tellOfStep(store, List.copyOf(observers));
        } finally {
            gate.endStep();
        }
    }

    private void tellOfStep(ParameterStore store, List<StepObserver> told) {
        told.forEach(observer -> observer.checkStep(trainer));
        told.forEach(observer -> observer.beforeStep(trainer));
        store.updateAllParameters();
        taken.incrementAndGet();
        tellAll(told, StepObserver::afterStep);
        tellAll(told, StepObserver::onStepEnd);
    }

    /** Tells every observer, whatever another one throws. */
    private void tellAll(List<StepObserver> told, BiConsumer<StepObserver, Trainer> moment) {
        RuntimeException thrown = null;
        for (StepObserver observer : told) {
            try {
                moment.accept(observer, trainer);
            } catch (RuntimeException e) {
                if (thrown == null) {
                    thrown = e;
                } else {
                    thrown.addSuppressed(e);
                }
            }
        }
        if (thrown != null) {
            throw thrown;
        }
    }

    /** Passes everything on to the trainer's own store. */
    private static final class ObservedStore extends ParameterStore {

        private static final StackWalker CALLERS =
                StackWalker.getInstance(StackWalker.Option.RETAIN_CLASS_REFERENCE);

        private final ParameterStore store;
        private final OptimizerSteps steps;

        ObservedStore(ParameterStore store, OptimizerSteps steps) {
            super(store.getManager(), false);
            this.store = store;
            this.steps = steps;
        }

        @Override
        @SuppressWarnings("NullAway") // DJL passes null for an optional parameter and expects null
        public NDArray getValue(@Nullable Parameter parameter, Device device, boolean training) {
            // The trainer itself reads the parameters when it initializes them.
            if (training) {
                if (!steps.forwardSeen
                        && !Trainer.class.isAssignableFrom(CALLERS.getCallerClass())) {
                    steps.forwardBegins();
                }
                if (steps.forwardSeen) {
                    steps.gate.beginStep();
                }
            }
            return store.getValue(parameter, device, training);
        }

        @Override
        public void updateAllParameters() {
            steps.step(store);
        }

        @Override
        public void setParameterServer(ParameterServer server, Device[] devices) {
            store.setParameterServer(server, devices);
        }

        @Override
        public NDManager getManager() {
            return store.getManager();
        }

        @Override
        public void sync() {
            store.sync();
        }
    }
}
