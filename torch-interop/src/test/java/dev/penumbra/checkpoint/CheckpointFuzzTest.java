// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link CheckpointFuzz}. */
final class CheckpointFuzzTest {

    private static final int TRIES = 300;

    @Test
    void damagedCheckpoints_areRefusedOrWhole(@TempDir Path folder)
            throws IOException, TranslateException {
        CheckpointFuzz.Outcome outcome =
                CheckpointFuzz.run(SavingProgram.SCENARIO, TRIES, 20261125, folder);
        int refused = outcome.refused().values().stream().mapToInt(Integer::intValue).sum();
        assertEquals(TRIES, refused + outcome.accepted());
        assertEquals(Set.of("CheckpointException"), outcome.refused().keySet());
        assertTrue(outcome.accepted() > 0, outcome::toString);
    }
}
