// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Formats numbers, the same in every locale. */
final class Numbers {

    private static final char MINUS = '\u2212';

    private Numbers() {}

    /** Formats with a fixed number of decimals; a zero has no sign. */
    static String fixed(double value, int decimals) {
        String text = String.format(Locale.ROOT, "%." + decimals + "f", value);
        return text.matches("-[0.]+") ? text.substring(1) : text;
    }

    /** Formats as {@link #fixed} does, with a plus before what is greater than zero. */
    static String signed(double value, int decimals) {
        String text = fixed(value, decimals);
        return text.matches("[0.]+|-.*") ? text : "+" + text;
    }

    /** Replaces the hyphens before digits by minus signs. */
    static String typeset(String text) {
        return text.replaceAll("(?<![\\w-])-(?=\\d)", String.valueOf(MINUS));
    }

    /** Groups the digits of a count by thousands. */
    static String count(long value) {
        return String.format(Locale.ROOT, "%,d", value);
    }

    /** Returns {@code "1 seed"}, {@code "2 seeds"}. */
    static String plural(int count, String noun) {
        return count + " " + noun + (count == 1 ? "" : "s");
    }

    /** Formats a duration with its two largest units. */
    static String duration(double seconds) {
        long whole = Math.round(seconds);
        if (seconds < 60) {
            return fixed(seconds, 1) + " s";
        }
        return whole < 3600
                ? whole / 60 + " min " + whole % 60 + " s"
                : whole / 3600 + " h " + whole % 3600 / 60 + " min";
    }

    /** Replaces what is not finite by null. */
    static @Nullable Double finite(@Nullable Double value) {
        return value != null && Double.isFinite(value) ? value : null;
    }

    /** Joins as in {@code "1, 2 and 3"}. */
    static String list(List<?> items) {
        List<String> texts = items.stream().map(String::valueOf).toList();
        int last = texts.size() - 1;
        return last < 1
                ? String.join("", texts)
                : String.join(", ", texts.subList(0, last)) + " and " + texts.get(last);
    }
}
