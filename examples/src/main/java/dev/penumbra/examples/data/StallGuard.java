// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import ai.djl.util.Progress;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Gives up work that makes no progress.
 *
 * <p>A read from a network can block for ever, and not every library lets its callers set a limit.
 */
final class StallGuard {

    private static final long POLL_MILLIS = 50;

    private StallGuard() {}

    /** Work that reports its progress. */
    interface Work<T> {

        /**
         * Does the work.
         *
         * @param progress throws {@link CancellationException} once the work was given up
         */
        T run(Progress progress) throws IOException;
    }

    /**
     * Runs work on a thread of its own.
     *
     * @param what the work in words, for the message
     * @param limit the longest time without progress
     * @param progress where the work's progress goes
     * @param work the work
     * @throws DataException if the work made no progress for that long
     */
    static <T> T call(String what, Duration limit, Progress progress, Work<T> work)
            throws IOException {
        Watched watched = new Watched(progress);
        FutureTask<T> task = new FutureTask<>(() -> work.run(watched));
        Thread thread = new Thread(task, "penumbra-download");
        thread.setDaemon(true);
        thread.start();
        try {
            return await(what, limit, watched, task);
        } finally {
            watched.abandoned = true;
            task.cancel(true);
        }
    }

    private static <T> T await(String what, Duration limit, Watched watched, FutureTask<T> task)
            throws IOException {
        while (true) {
            try {
                return task.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                if (System.nanoTime() - watched.latest > limit.toNanos()) {
                    throw new DataException(
                            "%s must make progress within %d ms, got none"
                                    .formatted(what, limit.toMillis()));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new DataException(what + " was interrupted", e);
            } catch (ExecutionException e) {
                if (e.getCause() instanceof IOException cause) {
                    throw cause;
                }
                throw new DataException(what + " failed: " + e.getCause(), e);
            }
        }
    }

    private static final class Watched implements Progress {

        private final Progress target;
        private volatile long latest = System.nanoTime();
        private volatile boolean abandoned;

        Watched(Progress target) {
            this.target = target;
        }

        private Progress target() {
            if (abandoned) {
                throw new CancellationException("given up");
            }
            latest = System.nanoTime();
            return target;
        }

        @Override
        public void reset(String message, long max, @Nullable String trailingMessage) {
            target().reset(message, max, trailingMessage);
        }

        @Override
        public void start(long initialProgress) {
            target().start(initialProgress);
        }

        @Override
        public void end() {
            target().end();
        }

        @Override
        public void increment(long increment) {
            target().increment(increment);
        }

        @Override
        public void update(long progress, @Nullable String message) {
            target().update(progress, message);
        }
    }
}
