// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a listener saves.
 *
 * @param intervals when
 * @param retention what stays
 * @param settings the settings of the program, by name
 * @param background whether files are written while the training goes on
 * @param refuseDamaged whether a damaged newest checkpoint is refused; else the newest whole one
 *     takes its place
 * @param grace how long a training may be silent after SIGTERM; null to leave the signal alone
 */
record CheckpointConfig(
        SaveIntervals intervals,
        Retention retention,
        Map<String, String> settings,
        boolean background,
        boolean refuseDamaged,
        @Nullable Duration grace) {

    CheckpointConfig {
        settings = Collections.unmodifiableMap(new LinkedHashMap<>(settings));
    }
}
