// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.checkpoint.KillProgram;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link KillProgram} with averages. */
@DisabledOnOs(OS.WINDOWS)
final class KillTest {

    private static final int KILLS = 4;

    @Test
    void kill_whileSaving_losesNothing(@TempDir Path folder)
            throws IOException, InterruptedException {
        KillProgram.Outcome outcome =
                KillProgram.run(SavingAveragesProgram.class, KILLS, 20261125, folder);
        assertEquals(0, outcome.damaged(), outcome::toString);
        assertEquals(0, outcome.different(), outcome::toString);
    }
}
