// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.CheckpointFuzz;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link CheckpointFuzz} with averages. */
final class CheckpointFuzzTest {

    private static final int TRIES = 600;

    @Test
    void damagedCheckpoints_areRefusedOrWhole(@TempDir Path folder)
            throws IOException, TranslateException {
        CheckpointFuzz.Outcome outcome =
                CheckpointFuzz.run(AveragesScenario.largest(), TRIES, 20261125, folder);
        int refused = outcome.refused().values().stream().mapToInt(Integer::intValue).sum();
        assertEquals(TRIES, refused + outcome.accepted());
        assertEquals(Set.of("CheckpointException"), outcome.refused().keySet());
        assertTrue(outcome.accepted() > 0, outcome::toString);
    }
}
