// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import java.io.IOException;

/** Says in one line why the images cannot be used. */
public final class DataException extends IOException {

    private static final long serialVersionUID = 1L;

    /**
     * Creates an exception.
     *
     * @param message what is wrong, in one line
     */
    public DataException(String message) {
        super(message);
    }

    /**
     * Creates an exception with a cause.
     *
     * @param message what is wrong, in one line
     * @param cause what made it go wrong
     */
    public DataException(String message, Throwable cause) {
        super(message, cause);
    }
}
