// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.function.Executable;

/** Assertions about the whole message of a rejected argument. */
public final class Rejections {

    private Rejections() {}

    /**
     * Asserts that a call is rejected.
     *
     * @param message the whole message
     * @param executable the call
     */
    public static void assertRejected(String message, Executable executable) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, executable).getMessage());
    }

    /**
     * Asserts that null is rejected.
     *
     * @param name the name of what must not be null
     * @param executable the call
     */
    public static void assertNull(String name, Executable executable) {
        assertEquals(name, assertThrows(NullPointerException.class, executable).getMessage());
    }
}
