// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import ai.djl.util.Progress;
import org.jspecify.annotations.Nullable;

/** The progress of a download on a terminal. */
public final class DownloadProgress implements Progress {

    private final Terminal terminal;
    private long done;

    /**
     * Creates a progress.
     *
     * @param terminal where the bar goes
     */
    public DownloadProgress(Terminal terminal) {
        this.terminal = terminal;
    }

    @Override
    public void reset(String message, long max) {
        reset(message, max, null);
    }

    @Override
    public void reset(String message, long max, @Nullable String trailingMessage) {
        done = 0;
        terminal.println(message + " ...");
        terminal.start(message, max, "");
    }

    @Override
    public void start(long initialProgress) {
        update(initialProgress);
    }

    @Override
    public void end() {
        terminal.close();
    }

    @Override
    public void increment(long increment) {
        update(done + increment);
    }

    @Override
    public void update(long progress) {
        update(progress, null);
    }

    @Override
    public void update(long progress, @Nullable String message) {
        terminal.advance(progress - done);
        done = progress;
    }
}
