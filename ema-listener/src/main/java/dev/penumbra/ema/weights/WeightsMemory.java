// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.Model;
import ai.djl.ndarray.NDManager;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one or several sets of weights, which nobody frees while another thread uses it.
 *
 * <p>It belongs to a model and goes with it, at the latest.
 */
public final class WeightsMemory implements AutoCloseable {

    private final String name;
    private final NDManager owner;
    private final NDManager manager;
    private final String uid = NDManager.nextUid();
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private volatile @Nullable String closed;

    private WeightsMemory(Model model, String name) {
        this.name = name;
        owner = model.getNDManager();
        manager = NDManager.newBaseManager(owner.getDevice(), owner.getEngine().getEngineName());
        manager.setName(name);
        owner.attachInternal(uid, (AutoCloseable) () -> close(" with its model"));
    }

    /**
     * Makes memory.
     *
     * @param model the model that it goes with
     * @param name how messages name what lies in it, such as "The average"
     */
    public static WeightsMemory of(Model model, String name) {
        return new WeightsMemory(model, name);
    }

    /** The manager of the arrays. */
    public NDManager manager() {
        return manager;
    }

    /**
     * Tells whether nothing has closed it.
     *
     * @return whether it is open
     */
    public boolean isOpen() {
        return closed == null;
    }

    /** A time in which the memory stays. */
    public interface Use extends AutoCloseable {

        @Override
        void close();
    }

    /**
     * Begins to read. Several threads may read at once.
     *
     * @throws IllegalStateException if the memory is closed
     */
    public Use read() {
        lock.readLock().lock();
        try {
            requireOpen();
        } catch (IllegalStateException e) {
            lock.readLock().unlock();
            throw e;
        }
        return lock.readLock()::unlock;
    }

    /**
     * Begins to change values, once no other thread reads them.
     *
     * @throws IllegalStateException if the memory is closed, or this thread reads it
     */
    public Use change() {
        requireNotReading("changed");
        lock.writeLock().lock();
        try {
            requireOpen();
        } catch (IllegalStateException e) {
            lock.writeLock().unlock();
            throw e;
        }
        return lock.writeLock()::unlock;
    }

    private void requireNotReading(String what) {
        if (lock.getReadHoldCount() > 0) {
            throw new IllegalStateException(
                    name + " is in use by this thread, so it cannot be " + what + " here");
        }
    }

    /**
     * Requires that nothing has closed it.
     *
     * @throws IllegalStateException if something has
     */
    public void requireOpen() {
        if (closed != null) {
            throw new IllegalStateException(name + " is closed" + closed);
        }
    }

    @Override
    public void close() {
        close("");
    }

    /**
     * Frees the memory, once no other thread uses it.
     *
     * @param how what messages add to "is closed"
     */
    public void close(String how) {
        if (closed != null) {
            return;
        }
        requireNotReading("closed");
        lock.writeLock().lock();
        try {
            if (closed == null) {
                closed = how;
                owner.detachInternal(uid);
                manager.close();
            }
        } finally {
            lock.writeLock().unlock();
        }
    }
}
