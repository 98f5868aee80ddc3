// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

/** A line that tells, when the process is ended before its program, how to go on. */
public final class ResumeHint implements AutoCloseable {

    private final Terminal terminal;
    private final String line;
    private final Thread hook;

    /**
     * Begins to wait for the end of the process.
     *
     * @param terminal where the line goes
     * @param command the command that goes on
     */
    public ResumeHint(Terminal terminal, String command) {
        this.terminal = terminal;
        line = "Interrupted. To go on: " + command;
        hook = new Thread(this::print, "resume-hint");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Prints the line. */
    public void print() {
        terminal.println(line);
    }

    /** Ends the wait; the program has ended by itself. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            return; // The process ends, and the line is printed.
        }
    }
}
