// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Says in one line what is wrong with the log of a run, or with the file of a study. */
public final class RunLogException extends IOException {

    private static final long serialVersionUID = 1L;

    private RunLogException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /** Creates the exception for a whole file. */
    static RunLogException of(Path file, String reason, @Nullable Throwable cause) {
        return new RunLogException("Cannot read " + file + ": " + reason, cause);
    }

    /** Creates the exception for a line; the first is 1. */
    static RunLogException of(Path file, int line, String reason, Throwable cause) {
        return new RunLogException("Cannot read " + file + ", line " + line + ": " + reason, cause);
    }
}
