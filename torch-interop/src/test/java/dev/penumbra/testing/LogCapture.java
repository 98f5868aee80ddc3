// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** What a class logs while this is open, read from the file of the tests' configuration. */
public final class LogCapture implements AutoCloseable {

    private static final Path FILE = Path.of("target", "test.log");

    private final String source;
    private final int before;

    private LogCapture(String source) {
        this.source = source;
        before = all().size();
    }

    /** Begins to listen. */
    public static LogCapture of(Class<?> source) {
        return new LogCapture(source.getSimpleName());
    }

    private List<String> all() {
        try {
            return Files.exists(FILE)
                    ? Files.readAllLines(FILE).stream()
                            .filter(line -> line.contains(" " + source + ": "))
                            .toList()
                    : List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The messages so far, each after its level. */
    public List<String> messages() {
        return all().stream().skip(before).map(line -> line.replace(source + ": ", "")).toList();
    }

    /** A message of the level WARN, as {@link #messages} has it. */
    public static String warning(String message) {
        return "WARN " + message;
    }

    @Override
    public void close() {
        // The file stays for the tests that follow.
    }
}
