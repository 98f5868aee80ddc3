// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

/** A wish of the user that cannot be met; its message is one line and says why. */
public final class UsageException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /**
     * Creates an exception.
     *
     * @param message one line
     */
    public UsageException(String message) {
        super(message);
    }
}
