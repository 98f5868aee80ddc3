// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Loads a checkpoint into the parts of a training, if it fits all of them. */
final class CheckpointLoader {

    private static final Logger logger = LoggerFactory.getLogger(CheckpointLoader.class);

    private final Checkpoint checkpoint;
    private final Map<String, Stateful> parts;
    private final Collection<String> large;
    private final List<String> differences = new ArrayList<>();

    private CheckpointLoader(
            Checkpoint checkpoint, Map<String, Stateful> parts, Collection<String> large) {
        this.checkpoint = checkpoint;
        this.parts = parts;
        this.large = large;
    }

    /**
     * Compares everything, then restores everything.
     *
     * @param large the parts that are restored side by side
     * @throws CheckpointException if anything differs; nothing has been changed then
     */
    static void load(
            Checkpoint checkpoint,
            Map<String, Stateful> parts,
            Collection<String> large,
            Map<String, String> settings,
            Map<String, String> versions)
            throws IOException {
        CheckpointLoader loader = new CheckpointLoader(checkpoint, parts, large);
        loader.compareSettings(settings);
        loader.restore();
        if (!versions.equals(checkpoint.info().versions())) {
            logger.warn(
                    "The checkpoint {} was saved by {} and is resumed by {}: results may differ in"
                            + " the last bits",
                    checkpoint.folder(),
                    checkpoint.info().versions(),
                    versions);
        }
    }

    private void compareSettings(Map<String, String> settings) {
        Map<String, String> saved = checkpoint.info().settings();
        settings.forEach(
                (name, value) -> {
                    String before = saved.getOrDefault(name, "absent");
                    if (!value.equals(saved.get(name))) {
                        differences.add(
                                "setting '" + name + "' must be " + before + ", got " + value);
                    }
                });
        saved.forEach(
                (name, before) -> {
                    if (!settings.containsKey(name)) {
                        differences.add("setting '" + name + "' must be " + before + ", got none");
                    }
                });
    }

    private void restore() throws IOException {
        Map<String, CheckpointPart> saved = new LinkedHashMap<>();
        try {
            for (String name : parts.keySet()) {
                saved.put(name, checkpoint.part(name));
            }
            compareParts(saved);
            if (!differences.isEmpty()) {
                throw new CheckpointException(
                        "Cannot resume from "
                                + checkpoint.folder()
                                + ": "
                                + String.join("; ", differences));
            }
            restoreAll(saved);
        } finally {
            for (CheckpointPart part : saved.values()) {
                part.close();
            }
        }
    }

    /** The large parts are read side by side, those of the program one after the other. */
    private void restoreAll(Map<String, CheckpointPart> saved) throws IOException {
        List<ParallelTasks.Task> tasks = new ArrayList<>();
        large.forEach(name -> tasks.add(() -> restore(name, saved)));
        ParallelTasks.run(tasks);
        for (String name : parts.keySet()) {
            if (!large.contains(name)) {
                restore(name, saved);
            }
        }
    }

    private void restore(String name, Map<String, CheckpointPart> saved) throws IOException {
        Stateful part = parts.get(name);
        CheckpointPart state = saved.get(name);
        if (part != null && state != null) {
            part.restore(state);
        }
    }

    private void compareParts(Map<String, CheckpointPart> saved) {
        for (String name : checkpoint.info().values().keySet()) {
            if (!parts.containsKey(name)) {
                differences.add("part '" + name + "' must be in the program, got none");
            }
        }
        saved.forEach(
                (name, state) -> {
                    Stateful part = parts.get(name);
                    if (!checkpoint.info().values().containsKey(name)) {
                        differences.add("part '" + name + "' must be in the checkpoint, got none");
                    } else if (part != null) {
                        part.differences(state).forEach(d -> differences.add(name + ": " + d));
                    }
                });
    }
}
