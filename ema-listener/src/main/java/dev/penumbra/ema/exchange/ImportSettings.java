// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import dev.penumbra.safetensors.TypeConversion;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * How weights are read.
 *
 * @param conversion which types are converted to those of the model's weights
 * @param ignored regular expressions; tensors whose whole name matches one are left unread if no
 *     parameter has their name
 */
public record ImportSettings(TypeConversion conversion, List<String> ignored) {

    /** Checks the expressions. */
    public ImportSettings {
        Objects.requireNonNull(conversion, "conversion");
        ignored = List.copyOf(ignored);
        for (String pattern : ignored) {
            requirePattern(pattern);
        }
    }

    private static void requirePattern(String pattern) {
        try {
            Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    "ignored must be regular expressions, got " + pattern, e);
        }
    }

    /**
     * Returns the settings that accept exactly the model's parameters, in its types.
     *
     * @return the settings
     */
    public static ImportSettings strict() {
        return new ImportSettings(TypeConversion.NONE, List.of());
    }

    /**
     * Returns these settings with another conversion.
     *
     * @param other which types are converted
     * @return the settings
     */
    public ImportSettings withConversion(TypeConversion other) {
        return new ImportSettings(other, ignored);
    }

    /**
     * Returns these settings with more tensors that are left unread.
     *
     * @param pattern a regular expression that matches their whole names, such as {@code
     *     ".*\\.num_batches_tracked"}
     * @return the settings
     */
    public ImportSettings withIgnored(String pattern) {
        List<String> all = new ArrayList<>(ignored);
        all.add(pattern);
        return new ImportSettings(conversion, all);
    }

    boolean ignores(String name) {
        return ignored.stream().anyMatch(pattern -> Pattern.matches(pattern, name));
    }
}
