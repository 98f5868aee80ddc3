// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training that goes on in another process equals one that was never interrupted. */
final class ResumeTest {

    @Test
    void everyScenario_inAnotherProcess_isTheSameBitForBit(@TempDir Path folder)
            throws IOException, InterruptedException {
        List<String> whole = lines(folder, "begin");
        List<String> resumed = lines(folder, "resume");
        assertEquals(Scenario.all().size() * ResumeProgram.STEPS.size(), whole.size());
        assertEquals(String.join("\n", whole), String.join("\n", resumed));
    }

    private static List<String> lines(Path folder, String phase)
            throws IOException, InterruptedException {
        Path output = folder.resolve(phase + ".txt");
        Process process = ChildProcess.start(output, ResumeProgram.class, phase, folder.toString());
        assertEquals(0, process.waitFor(), () -> phase + ": " + ChildProcess.errors(output));
        return Files.readAllLines(output);
    }
}
