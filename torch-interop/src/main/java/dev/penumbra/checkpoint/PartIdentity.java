// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * To what a file of arrays belongs, as its own header says, so that files of several checkpoints
 * cannot be taken for one.
 *
 * @param run the identity of the run
 * @param checkpoint the identity of the checkpoint
 * @param part the name of the part
 */
record PartIdentity(String run, String checkpoint, String part) {

    private static final String RUN = "run";
    private static final String CHECKPOINT = "checkpoint";
    private static final String PART = "part";

    /** The texts of the header. */
    Map<String, String> metadata() {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put(RUN, run);
        metadata.put(CHECKPOINT, checkpoint);
        metadata.put(PART, part);
        return metadata;
    }

    /** What a header says; null if it says nothing of it. */
    static @Nullable PartIdentity of(Map<String, String> metadata) {
        String run = metadata.get(RUN);
        String checkpoint = metadata.get(CHECKPOINT);
        String part = metadata.get(PART);
        return run == null || checkpoint == null || part == null
                ? null
                : new PartIdentity(run, checkpoint, part);
    }

    @Override
    public String toString() {
        return "part '" + part + "' of checkpoint " + checkpoint + " of run " + run;
    }
}
