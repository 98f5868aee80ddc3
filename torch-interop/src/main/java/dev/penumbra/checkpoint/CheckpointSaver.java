// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.state.State;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Saves one checkpoint at a time, in the background if that is wished: then the arrays are copied
 * first, and the caller goes on. A failure in the background is told at the next call. Thread-safe.
 */
final class CheckpointSaver implements AutoCloseable {

    private final CheckpointFolder folder;
    private final Retention retention;
    private final @Nullable HostCopies copies;
    private final ExecutorService executor =
            Executors.newSingleThreadExecutor(
                    task -> {
                        Thread thread = new Thread(task, "checkpoint");
                        thread.setDaemon(true);
                        return thread;
                    });
    private @Nullable Future<?> pending;

    CheckpointSaver(CheckpointFolder folder, Retention retention, boolean background) {
        this.folder = folder;
        this.retention = retention;
        copies = background ? new HostCopies() : null;
    }

    synchronized void save(CheckpointInfo info, Map<String, State> parts) throws IOException {
        CheckpointException earlier = null;
        try {
            await();
        } catch (CheckpointException e) {
            earlier = e; // This one may succeed all the same.
        }
        if (copies == null) {
            folder.save(info, parts, retention);
        } else {
            Map<String, State> copied = copies.copy(parts);
            pending = executor.submit(() -> folder.save(info, copied, retention));
        }
        if (earlier != null) {
            throw earlier;
        }
    }

    /** Throws what has failed in the background, if it has ended. */
    synchronized void check() throws IOException {
        if (pending != null && pending.isDone()) {
            await();
        }
    }

    /** Whether the latest checkpoint is on its way to the disk, or was and has failed. */
    synchronized boolean isPending() {
        return pending != null;
    }

    /** Waits until the latest checkpoint is on disk. */
    synchronized void await() throws IOException {
        Future<?> running = pending;
        if (running == null) {
            return;
        }
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    running.get();
                    return;
                } catch (InterruptedException e) {
                    interrupted = true; // The arrays are in use until the end.
                } catch (CancellationException e) {
                    return;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof CheckpointException cause) {
                        throw new CheckpointException(String.valueOf(cause.getMessage()), cause);
                    }
                    throw new CheckpointException("Cannot save a checkpoint", e);
                }
            }
        } finally {
            pending = null;
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public synchronized void close() throws IOException {
        try {
            await();
        } finally {
            executor.shutdown();
            if (copies != null) {
                copies.close();
            }
        }
    }
}
