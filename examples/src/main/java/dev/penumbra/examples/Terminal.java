// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import java.io.PrintWriter;
import java.time.Duration;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Lines of output and, on a terminal, a progress bar below them with rate and time left. Where the
 * output is no terminal there is no bar.
 */
public final class Terminal implements AutoCloseable {

    /** Set by the launcher; Java tells from version 22 on. */
    private static final String PROPERTY = "penumbra.terminal";

    private static final String CLEAR_LINE = "\r\u001b[2K";

    private final PrintWriter out;
    private final boolean interactive;
    private @Nullable ProgressBar bar;

    /**
     * Creates a terminal.
     *
     * @param out where lines go
     */
    public Terminal(PrintWriter out) {
        this.out = out;
        interactive = Boolean.getBoolean(PROPERTY) && !"dumb".equals(System.getenv("TERM"));
    }

    /**
     * Prints a line.
     *
     * @param line the line
     */
    public void println(String line) {
        out.println(bar == null ? line : CLEAR_LINE + line);
        out.flush();
        if (bar != null) {
            bar.refresh();
        }
    }

    /**
     * Starts a bar; one that is there ends.
     *
     * @param task what is counted to its end
     * @param total the number of units
     * @param unit the name of a unit
     */
    public void start(String task, long total, String unit) {
        close();
        if (interactive) {
            bar =
                    new ProgressBarBuilder()
                            .setTaskName(task)
                            .setInitialMax(total)
                            .setUnit(" " + unit, 1)
                            .showSpeed()
                            .setStyle(ProgressBarStyle.ASCII)
                            .setUpdateIntervalMillis((int) Duration.ofMillis(250).toMillis())
                            .clearDisplayOnFinish()
                            .build();
        }
    }

    /**
     * Moves the bar.
     *
     * @param units the number of units done since the last call
     */
    public void advance(long units) {
        if (bar != null) {
            bar.stepBy(units);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
