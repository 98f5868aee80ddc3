// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.util.Progress;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class TerminalTest {

    private final StringWriter text = new StringWriter();

    /** Without the launcher's property the output is no terminal. */
    @Test
    void notInteractive_linesAndNoBar() {
        try (Terminal terminal = new Terminal(new PrintWriter(text))) {
            terminal.println("before");
            terminal.start("task", 10, "batches");
            terminal.advance(5);
            terminal.println("within");
            terminal.start("next", 10, "batches");
            terminal.advance(10);
            terminal.close();
            terminal.advance(1);
            terminal.println("after");
        }
        assertEquals("before\nwithin\nafter\n", lines());
    }

    @Test
    void println_notClosed_flushed() {
        StringBuilder seen = new StringBuilder();
        PrintWriter writer =
                new PrintWriter(text) {
                    @Override
                    public void flush() {
                        super.flush();
                        seen.append(lines());
                    }
                };
        new Terminal(writer).println("line");
        assertEquals("line\n", seen.toString());
    }

    @Test
    void downloadProgress_notInteractive_oneLine() {
        Progress progress = new DownloadProgress(new Terminal(new PrintWriter(text)));
        progress.reset("Downloading", 100);
        progress.start(10);
        progress.increment(20);
        progress.update(100);
        progress.end();
        assertEquals("Downloading ...\n", lines());
    }

    private String lines() {
        return text.toString().replace(System.lineSeparator(), "\n");
    }
}
