// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds where to go on, and what could be done if that is damaged. */
final class NewestCheckpoint {

    private NewestCheckpoint() {}

    static @Nullable Checkpoint of(CheckpointFolder folder) throws IOException {
        List<Path> all = new ArrayList<>(folder.list());
        if (all.isEmpty()) {
            return null;
        }
        Collections.reverse(all);
        try {
            Checkpoint newest = Checkpoint.open(all.get(0));
            newest.verify();
            return newest;
        } catch (CheckpointException e) {
            Path whole = firstWhole(all.subList(1, all.size()));
            throw new CheckpointException(
                    e.getMessage()
                            + (whole == null
                                    ? "; there is no other that is whole"
                                    : "; the newest that is whole is " + whole),
                    e);
        }
    }

    private static @Nullable Path firstWhole(List<Path> candidates) throws IOException {
        for (Path candidate : candidates) {
            if (isWhole(candidate)) {
                return candidate;
            }
        }
        return null;
    }

    private static boolean isWhole(Path candidate) throws IOException {
        try {
            Checkpoint.open(candidate).verify();
            return true;
        } catch (CheckpointException e) {
            return false;
        }
    }
}
