// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.translate.TranslateException;
import dev.penumbra.testing.NativeMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** The memory that checkpoints take does not grow with their number. */
@EnabledOnOs(OS.LINUX)
final class CheckpointMemoryTest {

    /** An array left behind by each call would be 1.6 KB, one of each of 22 arrays 7 MB. */
    private static final int CALLS = 200;

    private static final long BOUND_KIB = 500;

    @TempDir private Path folder;

    /** Something that may fail. */
    private interface Call {
        void run() throws IOException;
    }

    private void assertFlat(ShortTraining.Use use) throws IOException, TranslateException {
        try (ShortTraining training =
                new ShortTraining(SavingProgram.SCENARIO, folder.resolve("run"), 1000, 0)) {
            training.open(use);
        }
    }

    private static void repeat(Call call) {
        NativeMemory.assertFlat(
                CALLS,
                BOUND_KIB,
                () -> {
                    try {
                        call.run();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    @Test
    void saves() throws IOException, TranslateException {
        assertFlat((trainer, checkpoints) -> repeat(checkpoints::save));
    }

    /** With moments of the optimizer, which are made anew each time. */
    @Test
    void loads() throws IOException, TranslateException {
        ShortTraining.run(SavingProgram.SCENARIO, folder.resolve("saved"), 7, 7);
        Checkpoint saved = new CheckpointFolder(folder.resolve("saved")).latest().orElseThrow();
        assertFlat((trainer, checkpoints) -> repeat(() -> checkpoints.resume(trainer, saved)));
    }
}
