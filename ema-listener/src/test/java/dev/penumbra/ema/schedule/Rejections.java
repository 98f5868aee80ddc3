// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.function.Executable;

/** Assertions about the whole message of a rejected argument. */
public final class Rejections {

    private Rejections() {}

    public static void assertRejected(String message, Executable executable) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, executable).getMessage());
    }

    public static void assertNull(String name, Executable executable) {
        assertEquals(name, assertThrows(NullPointerException.class, executable).getMessage());
    }
}
