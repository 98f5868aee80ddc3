// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.io.IOException;
import java.nio.file.Path;

/** A file whose tensors are not those that a model needs. */
public final class TensorMismatchException extends IOException {

    private static final long serialVersionUID = 1;

    private final transient TensorMatch match;

    /**
     * Makes an exception whose message has at most 20 lines: all differences, one a line, or their
     * counts, the first of each kind and the probable cause.
     *
     * @param path the file
     * @param match the differences
     */
    public TensorMismatchException(Path path, TensorMatch match) {
        super(
                "Cannot read "
                        + path
                        + ": its tensors must be those of the model, got\n  "
                        + String.join("\n  ", match.lines()));
        this.match = match;
    }

    /**
     * Returns all differences.
     *
     * @return the differences
     */
    public TensorMatch match() {
        return match;
    }
}
