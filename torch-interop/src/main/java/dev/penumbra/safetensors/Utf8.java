// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

/** Text as UTF-8 sees it. */
final class Utf8 {

    private Utf8() {}

    /** Tells whether a text has no half of a surrogate pair. */
    static boolean canHold(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                if (!Character.isHighSurrogate(text.charAt(i))
                        || i + 1 == text.length()
                        || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return false;
                }
                i++;
            }
        }
        return true;
    }

    /** Compares texts in the order of their bytes, which is that of their code points. */
    static int compare(String first, String second) {
        int common = Math.min(first.length(), second.length());
        for (int i = 0; i < common; i++) {
            char a = first.charAt(i);
            char b = second.charAt(i);
            if (a != b) {
                // Surrogate pairs are the code points above all other characters.
                boolean pair = Character.isSurrogate(a);
                return pair == Character.isSurrogate(b) ? Character.compare(a, b) : pair ? 1 : -1;
            }
        }
        return Integer.compare(first.length(), second.length());
    }
}
