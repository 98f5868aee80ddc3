// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A published autoencoder that cannot be read, or not as it was meant. */
public final class PretrainedException extends IOException {

    private static final long serialVersionUID = 1;

    /**
     * Makes an exception with the message {@code Cannot read <path>: <problem>}.
     *
     * @param path the file or folder
     * @param problem the rule that it breaks, and how
     */
    public PretrainedException(Path path, String problem) {
        this(path, problem, null);
    }

    /**
     * Makes an exception with the message {@code Cannot read <path>: <problem>}.
     *
     * @param path the file or folder
     * @param problem the rule that it breaks, and how
     * @param cause what was noticed first
     */
    public PretrainedException(Path path, String problem, @Nullable Throwable cause) {
        super("Cannot read " + path + ": " + problem, cause);
    }
}
