// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.function.Executable;

/** Assertions about the whole message of a rejected argument. */
final class Rejections {

    private Rejections() {}

    static void assertRejected(String message, Executable executable) {
        assertEquals(
                message, assertThrows(IllegalArgumentException.class, executable).getMessage());
    }
}
