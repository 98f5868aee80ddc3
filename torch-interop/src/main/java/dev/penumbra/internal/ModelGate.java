// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

import ai.djl.Model;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the training of a model and an exchange of its weights apart where they happen in two
 * threads. Within one thread they follow each other anyway.
 *
 * <p>A training is in the middle of a step from the first read of a forward pass in training mode
 * to the end of the step.
 */
public final class ModelGate {

    /**
     * How long an exchange waits for the end of a step: one may never end, as when a loop stops.
     */
    private static final long PATIENCE = TimeUnit.SECONDS.toNanos(10);

    private static final long LOOK = TimeUnit.MILLISECONDS.toNanos(50);

    private static final Map<Model, ModelGate> GATES = new WeakHashMap<>();

    private volatile @Nullable Thread training;
    private volatile @Nullable Thread exchanging;
    private volatile int waiting;
    private boolean brief;

    private ModelGate() {}

    /**
     * Returns the gate of a model.
     *
     * @param model the model, compared by identity
     * @return its gate, always the same
     */
    public static ModelGate of(Model model) {
        synchronized (GATES) {
            return GATES.computeIfAbsent(model, key -> new ModelGate());
        }
    }

    /**
     * Tells that a forward pass in training mode reads weights. Where another thread exchanges them
     * for a moment, this waits.
     *
     * @throws IllegalStateException if they stay exchanged in another thread
     */
    public void beginStep() {
        Thread current = Thread.currentThread();
        if (training == current && exchanging == null) {
            return;
        }
        try {
            awaitOwnWeights(current);
        } catch (InterruptedException e) {
            current.interrupt();
            throw new IllegalStateException("interrupted while the weights were being saved", e);
        }
    }

    private synchronized void awaitOwnWeights(Thread current) throws InterruptedException {
        while ((exchanging != null && exchanging != current)
                || (exchanging == null && training == null && waiting > 0)) {
            if (exchanging != null && !brief) {
                throw new IllegalStateException(
                        "Averaged weights are swapped in by the thread '"
                                + name(exchanging)
                                + "': close the scope before training goes on");
            }
            wait();
        }
        training = current;
    }

    private static String name(@Nullable Thread thread) {
        return thread == null ? "none" : thread.getName();
    }

    /** Tells that the step has ended. */
    public void endStep() {
        training = null;
        if (waiting > 0) {
            synchronized (this) {
                notifyAll();
            }
        }
    }

    /**
     * Begins a short exchange of the model's weights, as soon as a training in another thread has
     * ended its step.
     *
     * @return what ends the exchange, in any thread
     * @throws IllegalStateException as {@link #exchange}, after ten seconds
     */
    public synchronized Exchange exchangeBetweenSteps() {
        Thread current = Thread.currentThread();
        long begin = System.nanoTime();
        waiting++;
        try {
            while (isTaken(current) && System.nanoTime() - begin < PATIENCE) {
                TimeUnit.NANOSECONDS.timedWait(this, LOOK);
            }
        } catch (InterruptedException e) {
            current.interrupt();
            throw new IllegalStateException("interrupted while waiting for the end of a step", e);
        } finally {
            waiting--;
            notifyAll();
        }
        return begin(true);
    }

    private boolean isTaken(Thread current) {
        Thread other = training;
        Thread previous = exchanging;
        return (other != null && other != current && other.isAlive())
                || (previous != null && previous != current);
    }

    /**
     * Begins an exchange of the model's weights that may last. It waits for a short one.
     *
     * @return what ends the exchange, in any thread
     * @throws IllegalStateException if a training is in the middle of a step in another thread, or
     *     another thread keeps the weights exchanged
     */
    public synchronized Exchange exchange() {
        Thread current = Thread.currentThread();
        try {
            while (brief && exchanging != null && exchanging != current) {
                wait();
            }
        } catch (InterruptedException e) {
            current.interrupt();
            throw new IllegalStateException("interrupted while the weights were being saved", e);
        }
        return begin(false);
    }

    /**
     * Begins an exchange of the model's weights that ends by itself soon, so that a training waits
     * for it. This one does not wait.
     *
     * @return what ends the exchange, in any thread
     * @throws IllegalStateException as {@link #exchange}
     */
    public synchronized Exchange briefExchange() {
        return begin(true);
    }

    private Exchange begin(boolean isBrief) {
        Thread current = Thread.currentThread();
        Thread other = training;
        if (other != null && other != current && other.isAlive()) {
            throw new IllegalStateException(
                    "The thread '"
                            + other.getName()
                            + "' is in the middle of a training step, so the model's own weights"
                            + " cannot be exchanged: do it in that thread, between two steps");
        }
        Thread previous = exchanging;
        if (previous != null && previous != current) {
            throw new IllegalStateException(
                    "The thread '"
                            + previous.getName()
                            + "' has exchanged the model's weights: wait until it has put them"
                            + " back");
        }
        boolean wasBrief = brief;
        exchanging = current;
        brief = isBrief;
        return () -> end(previous, wasBrief);
    }

    private synchronized void end(@Nullable Thread previous, boolean wasBrief) {
        exchanging = previous;
        brief = wasBrief;
        notifyAll();
    }

    /** An exchange that has begun. */
    @FunctionalInterface
    public interface Exchange extends AutoCloseable {

        @Override
        void close();
    }
}
