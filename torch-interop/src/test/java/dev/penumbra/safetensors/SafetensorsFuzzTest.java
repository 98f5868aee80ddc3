// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

final class SafetensorsFuzzTest {

    private static final int FILES = 20_000;

    @TempDir private Path folder;

    /** Mutations that break nothing, and all others. */
    @Test
    @Timeout(300)
    void mutatedFiles_seed1() throws IOException {
        try (SafetensorsFuzz fuzz = new SafetensorsFuzz(folder)) {
            fuzz.run(FILES, 1);
            int rejected = fuzz.rejected().values().stream().mapToInt(Integer::intValue).sum();
            assertEquals(FILES, fuzz.accepted() + rejected);
            assertTrue(fuzz.accepted() > FILES / 50, fuzz.report());
            assertTrue(fuzz.rejected().size() > 30, fuzz.report());
        }
    }
}
