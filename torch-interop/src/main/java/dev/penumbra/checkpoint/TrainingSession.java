// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a listener holds while a trainer trains: the right to save into the folder, the memory and
 * the thread of saving, and the signal of termination. The trainer may be collected meanwhile.
 */
final class TrainingSession implements FolderLock.Owner, Termination.Training, AutoCloseable {

    private static final Logger logger = LoggerFactory.getLogger(TrainingSession.class);

    private final CheckpointFolder folder;
    private final CheckpointSaver saver;
    private final @Nullable Termination termination;
    private volatile WeakReference<Trainer> trainer;
    private volatile boolean saved = true;
    private boolean open = true;

    private TrainingSession(Trainer trainer, CheckpointFolder folder, CheckpointConfig config) {
        this.trainer = new WeakReference<>(trainer);
        this.folder = folder;
        saver = new CheckpointSaver(folder, config.retention(), config.background());
        Duration grace = config.grace();
        termination = grace == null ? null : Termination.listen(this, grace);
    }

    /**
     * Begins a session.
     *
     * @param trainer the trainer
     * @param folder the folder
     * @param config how it saves
     * @throws IOException if the folder cannot be written or another training saves to it
     */
    static TrainingSession begin(Trainer trainer, CheckpointFolder folder, CheckpointConfig config)
            throws IOException {
        TrainingSession session = new TrainingSession(trainer, folder, config);
        try {
            folder.open(session);
            return session;
        } catch (IOException | RuntimeException e) {
            session.close();
            throw e;
        }
    }

    /** Tells whether the session goes on: another training may have taken over the folder. */
    synchronized boolean isOpen() {
        return open;
    }

    /** Tells whether the trainer is the one that trains. */
    boolean isOf(Trainer other) {
        return trainer.get() == other;
    }

    /** Goes on with another trainer of the same training. */
    void moveTo(Trainer other) {
        trainer = new WeakReference<>(other);
    }

    CheckpointSaver saver() {
        return saver;
    }

    /** Tells whether SIGTERM has come. */
    boolean isTerminated() {
        return termination != null && termination.isRequested();
    }

    /** Tells that the training goes on, and has changed if a step was taken. */
    void heard(boolean changed) {
        saved &= !changed;
        if (termination != null) {
            termination.heard();
        }
    }

    /** Something that takes its time. */
    interface Work<T> {
        T run() throws IOException;
    }

    /** Does what takes its time, for which the end of the process waits. */
    <T> T run(Work<T> work) throws IOException {
        if (termination == null) {
            return work.run();
        }
        termination.begin();
        try {
            return work.run();
        } finally {
            termination.end();
        }
    }

    /** Tells that the state of the training is saved or was loaded. */
    void markSaved() {
        saved = true;
    }

    @Override
    public boolean isSaved() {
        return saved && !saver.isPending();
    }

    @Override
    public boolean isInUse() {
        Trainer current = trainer.get();
        return current != null && current.getManager().isOpen();
    }

    @Override
    public void abandon() {
        try {
            close();
        } catch (IOException e) {
            logger.warn("A checkpoint of a training that was given up could not be saved", e);
        }
    }

    /** Waits until the latest checkpoint is on disk, whether that succeeds or not, and ends. */
    @Override
    public void close() throws IOException {
        synchronized (this) {
            if (!open) {
                return;
            }
            open = false;
        }
        try {
            saver.close();
        } finally {
            if (termination != null) {
                termination.close();
            }
            folder.close();
        }
    }
}
