// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * How weights are written.
 *
 * @param types the types that they have in the file
 * @param metadata texts in the file's header, by name
 */
public record ExportSettings(Types types, Map<String, String> metadata) {

    /** The types of written weights. */
    public enum Types {
        /** Those of the arrays: float32 for an average of half-precision weights. */
        KEEP,
        /**
         * Those of the model's own weights, rounded to the nearest value where they are narrower.
         */
        MODEL
    }

    /** Checks the types and copies the metadata. */
    public ExportSettings {
        Objects.requireNonNull(types, "types");
        metadata = Collections.unmodifiableMap(new LinkedHashMap<>(metadata));
    }

    /**
     * Returns the settings of a file as PyTorch's libraries write it: types as they are, and the
     * metadata {@code format: pt}, which some of them look for.
     *
     * @return the settings
     */
    public static ExportSettings torch() {
        return new ExportSettings(Types.KEEP, Map.of("format", "pt"));
    }

    /**
     * Returns these settings with other types.
     *
     * @param other the types
     * @return the settings
     */
    public ExportSettings withTypes(Types other) {
        return new ExportSettings(other, metadata);
    }

    /**
     * Returns these settings with one more text in the metadata, or another one.
     *
     * @param name its name
     * @param text the text
     * @return the settings
     */
    public ExportSettings withMetadata(String name, String text) {
        Map<String, String> all = new LinkedHashMap<>(metadata);
        all.put(name, text);
        return new ExportSettings(types, all);
    }
}
