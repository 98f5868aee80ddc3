// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.translate.TranslateException;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A training that listens to SIGTERM. In the middle of its second epoch it prints {@code middle};
 * then, with the second argument {@code wait}, it makes each step last, and with {@code stuck} it
 * does nothing any more. With {@code end} it goes on. The first argument is the folder.
 */
final class TerminatedProgram {

    private static final int MIDDLE = 7;

    private TerminatedProgram() {}

    public static void main(String[] arguments) throws IOException, TranslateException {
        try (ShortTraining training =
                new ShortTraining(SavingProgram.SCENARIO, Path.of(arguments[0]), 1000, 0)) {
            switch (arguments[1]) {
                case "wait" -> training.observe(new Pause(200));
                case "stuck" -> training.observe(new Pause(Long.MAX_VALUE));
                default -> {}
            }
            System.out.println(training.run());
        }
    }

    /** Holds the training up between two steps. */
    private record Pause(long millis) implements StepObserver {
        @Override
        public void onStepEnd(Trainer trainer) {
            if (OptimizerSteps.of(trainer).taken() >= MIDDLE) {
                System.out.println("middle");
                try {
                    Thread.sleep(millis);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        }
    }
}
