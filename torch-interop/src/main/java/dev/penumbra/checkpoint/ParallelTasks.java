// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Work on several files or parts at the same time. */
final class ParallelTasks {

    private ParallelTasks() {}

    /** A piece of work. */
    @FunctionalInterface
    interface Task {
        void run() throws IOException;
    }

    /** Runs tasks and waits for all of them, whether they fail or not. */
    static void run(List<Task> tasks) throws IOException {
        List<CompletableFuture<Void>> running =
                tasks.stream().map(task -> CompletableFuture.runAsync(() -> run(task))).toList();
        Throwable failure = null;
        for (CompletableFuture<Void> each : running) {
            try {
                each.join();
            } catch (CompletionException e) {
                failure = failure == null ? e.getCause() : failure;
            }
        }
        rethrow(failure);
    }

    private static void run(Task task) {
        try {
            task.run();
        } catch (IOException e) {
            throw new CompletionException(e);
        }
    }

    private static void rethrow(@Nullable Throwable failure) throws IOException {
        if (failure instanceof IOException e) {
            throw e;
        }
        if (failure instanceof RuntimeException e) {
            throw e;
        }
        if (failure instanceof Error e) {
            throw e;
        }
    }
}
