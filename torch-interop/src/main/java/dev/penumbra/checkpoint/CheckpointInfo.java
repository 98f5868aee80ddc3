// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a checkpoint says of itself.
 *
 * @param run the identity of the run, the same in all checkpoints of a training that goes on
 * @param id the identity of the checkpoint, which no other one has
 * @param progress how far the training had come
 * @param time when it was saved; ISO-8601
 * @param versions the software that saved it, by name
 * @param settings the settings of the program, by name, which must be the same on resume
 * @param scores the validation of each set of weights at this moment, by its name; empty if there
 *     was none
 * @param values what each part keeps beside its arrays, by name, by the name of the part
 */
public record CheckpointInfo(
        String run,
        String id,
        Progress progress,
        String time,
        Map<String, String> versions,
        Map<String, String> settings,
        Map<String, Float> scores,
        Map<String, Map<String, String>> values) {

    /** Copies the maps; their order is kept. */
    public CheckpointInfo {
        versions = copy(versions);
        settings = copy(settings);
        scores = copy(scores);
        Map<String, Map<String, String>> parts = new LinkedHashMap<>();
        values.forEach((part, each) -> parts.put(part, copy(each)));
        values = Collections.unmodifiableMap(parts);
    }

    private static <V> Map<String, V> copy(Map<String, V> map) {
        return Collections.unmodifiableMap(new LinkedHashMap<>(map));
    }
}
