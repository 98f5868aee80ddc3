// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The short form of {@link ParameterFileFuzz}. */
final class ParameterFileFuzzTest {

    private static final int FILES = 2000;

    @Test
    void damagedFiles_areReadOrRefused(@TempDir Path folder) throws IOException {
        ParameterFileFuzz.Outcome outcome = ParameterFileFuzz.run(FILES, 20260930, folder);
        assertEquals(FILES, outcome.read() + outcome.refused());
        assertTrue(outcome.read() > 3 && outcome.refused() > FILES / 4, outcome::toString);
    }
}
