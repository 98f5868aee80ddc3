// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import java.util.Locale;

/** Text of unknown origin for a message: short, on one line, and visible. */
final class Quoted {

    private static final int LIMIT = 80;

    private Quoted() {}

    /** The text between quotation marks, its first 80 characters if it is longer. */
    static String of(String text) {
        StringBuilder quoted = new StringBuilder("'");
        for (int i = 0; i < Math.min(text.length(), LIMIT); i++) {
            char c = text.charAt(i);
            if (Character.isISOControl(c) || Character.isSurrogate(c)) {
                quoted.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                quoted.append(c);
            }
        }
        return quoted.append(text.length() > LIMIT ? "...'" : "'").toString();
    }
}
