// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A file that breaks a rule of the safetensors format, or asks for what arrays cannot hold. */
public final class SafetensorsException extends IOException {

    private static final long serialVersionUID = 1;

    /**
     * Makes an exception with the message {@code Cannot read <path>: <problem>}.
     *
     * @param path the file
     * @param problem the rule that it breaks, and how
     */
    public SafetensorsException(Path path, String problem) {
        this(path, problem, null);
    }

    /**
     * Makes an exception with the message {@code Cannot read <path>: <problem>}.
     *
     * @param path the file
     * @param problem the rule that it breaks, and how
     * @param cause what was noticed first
     */
    public SafetensorsException(Path path, String problem, @Nullable Throwable cause) {
        super("Cannot read " + path + ": " + problem, cause);
    }
}
