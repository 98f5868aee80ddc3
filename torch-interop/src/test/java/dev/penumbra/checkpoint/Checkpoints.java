// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.state.State;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Small checkpoints without a training. */
final class Checkpoints {

    static final String RUN = "run-1";

    static final Retention KEEP_ALL = new Retention(1000, null);

    private Checkpoints() {}

    static CheckpointInfo info(long step, Map<String, Float> scores) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("rate", "0.1");
        settings.put("quoted", "\"<é\n😀\"");
        Map<String, Map<String, String>> values = new LinkedHashMap<>();
        values.put(Checkpoint.MODEL, Map.of());
        values.put("counter", Map.of("count", "12"));
        return new CheckpointInfo(
                RUN,
                "checkpoint-" + step,
                new Progress(1, 2, step),
                "2026-01-01T00:00:00Z",
                Map.of("djl", "0.35.1"),
                settings,
                scores,
                values);
    }

    static Path save(CheckpointFolder folder, long step) throws IOException {
        return save(folder, step, Map.of(), KEEP_ALL);
    }

    static Path save(
            CheckpointFolder folder, long step, Map<String, Float> scores, Retention retention)
            throws IOException {
        try (NDManager manager = NDManager.newBaseManager()) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            arrays.put("weight", manager.create(new float[] {step, 2, 3}));
            arrays.put("bias", manager.create(new float[] {4}));
            Map<String, State> parts = new LinkedHashMap<>();
            parts.put(Checkpoint.MODEL, new State(arrays, Map.of()));
            parts.put("counter", State.of(Map.of("count", "12")));
            return folder.save(info(step, scores), parts, retention);
        }
    }

    /** A training that goes on, or one that has ended. */
    static FolderLock.Owner owner(boolean inUse) {
        return new FolderLock.Owner() {
            @Override
            public boolean isInUse() {
                return inUse;
            }

            @Override
            public void abandon() {}
        };
    }

    static Retention keeping(int last, ScoreOrder goal) {
        return new Retention(last, goal);
    }
}
