// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.io.IOException;
import java.nio.file.Path;

/** The log of a run that another run is writing. */
public final class RunLogInUseException extends IOException {

    private static final long serialVersionUID = 1L;

    RunLogInUseException(Path file) {
        super("Cannot write " + file + ": another log is open on it");
    }
}
