// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where a training goes on.
 *
 * @param whole the newest checkpoint that is whole; null if there is none
 * @param damaged what is wrong with those after it, the newest first, by their folders
 */
record NewestCheckpoint(@Nullable Checkpoint whole, Map<Path, CheckpointException> damaged) {

    /** Reads the checkpoints of a folder, the newest first, until one is whole. */
    static NewestCheckpoint in(CheckpointFolder folder) throws IOException {
        List<Path> all = new ArrayList<>(folder.list());
        Collections.reverse(all);
        Map<Path, CheckpointException> damaged = new LinkedHashMap<>();
        Checkpoint whole = null;
        for (Path path : all) {
            try {
                Checkpoint checkpoint = Checkpoint.open(path);
                checkpoint.verify();
                whole = checkpoint;
                break;
            } catch (CheckpointException e) {
                damaged.put(path, e);
            }
        }
        folder.requireOneRun();
        return new NewestCheckpoint(whole, damaged);
    }

    /** The newest checkpoint is damaged. */
    CheckpointException failure() {
        CheckpointException newest = damaged.values().iterator().next();
        return new CheckpointException(
                newest.getMessage()
                        + (whole == null
                                ? "; there is no other that is whole"
                                : "; the newest that is whole is " + whole.folder()),
                newest);
    }
}
