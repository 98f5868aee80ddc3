// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Two trainings that take steps in turn, two of the second for one of the first, until SIGTERM. It
 * prints {@code middle} after a while.
 *
 * <p>Arguments: the folders of their checkpoints.
 */
final class TwoTrainingsProgram {

    private TwoTrainingsProgram() {}

    public static void main(String[] arguments)
            throws IOException, TranslateException, InterruptedException {
        try (Line one = new Line();
                Line two = new Line()) {
            CheckpointListener first =
                    one.checkpoints(Path.of(arguments[0])).optTerminate().build();
            CheckpointListener second =
                    two.checkpoints(Path.of(arguments[1])).optTerminate().build();
            try (Trainer a = one.trainer(first);
                    Trainer b = two.trainer(second)) {
                first.resume(a);
                second.resume(b);
                for (int i = 0; true; i++) {
                    one.step(a);
                    two.step(b);
                    two.step(b);
                    if (i == 5) {
                        System.out.println("middle");
                    }
                    Thread.sleep(20);
                }
            }
        }
    }
}
