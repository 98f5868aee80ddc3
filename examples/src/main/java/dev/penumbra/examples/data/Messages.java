// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.data;

import org.jspecify.annotations.Nullable;

/** Turns exceptions into parts of one line. */
final class Messages {

    private Messages() {}

    /** Returns our own messages as they are, and others after the name of their type. */
    static String of(Throwable e) {
        if (e instanceof DataException) {
            return String.valueOf(e.getMessage());
        }
        @Nullable String message = e.getMessage();
        String type = e.getClass().getSimpleName();
        return message == null ? type : type + ": " + message.replaceAll("\\s+", " ");
    }
}
