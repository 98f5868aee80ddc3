// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.Trainer;
import ai.djl.translate.TranslateException;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A training that listens to SIGTERM. With the second argument {@code wait} it prints {@code
 * middle} in the middle of its second epoch and then makes each step last.
 */
final class TerminatedProgram {

    private static final int MIDDLE = 7;

    private TerminatedProgram() {}

    public static void main(String[] arguments) throws IOException, TranslateException {
        boolean waiting = arguments[1].equals("wait");
        try (ShortTraining training =
                new ShortTraining(SavingProgram.SCENARIO, Path.of(arguments[0]), 1000, 0)) {
            if (waiting) {
                training.observe(
                        new StepObserver() {
                            @Override
                            public void afterStep(Trainer trainer) {
                                if (OptimizerSteps.of(trainer).taken() >= MIDDLE) {
                                    System.out.println("middle");
                                    pause();
                                }
                            }
                        });
            }
            System.out.println(training.run());
        }
    }

    private static void pause() {
        try {
            Thread.sleep(200);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
