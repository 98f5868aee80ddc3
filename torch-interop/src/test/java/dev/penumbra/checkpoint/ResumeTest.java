// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training that goes on in another process equals one that was never interrupted. */
final class ResumeTest {

    @Test
    void everyOptimizer_inAnotherProcess_isTheSameBitForBit(@TempDir Path folder)
            throws IOException, InterruptedException {
        int results = PlainScenario.all().size() * ResumeProgram.STEPS.size();
        assertEquals(results, ChildProcess.assertResumes(ResumeProgram.class, folder));
    }
}
