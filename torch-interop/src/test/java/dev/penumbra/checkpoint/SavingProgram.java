// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A training that saves after every step, to be killed at any moment. It prints {@code begin}
 * before its first step, what could not be saved, and its results at the end.
 *
 * <p>Argument: the folder of the checkpoints.
 */
public final class SavingProgram {

    static final Scenario SCENARIO = new PlainScenario(OptimizerKind.FUSED_ADAMW, true);

    private SavingProgram() {}

    public static void main(String[] arguments) throws IOException, TranslateException {
        run(SCENARIO, Path.of(arguments[0]));
    }

    /** Trains and prints. */
    public static void run(Scenario scenario, Path folder) throws IOException, TranslateException {
        try (ShortTraining training = new ShortTraining(scenario, folder, 1, 0)) {
            System.out.println("begin");
            String result = training.run();
            training.failures().forEach(failure -> System.out.println("failure " + failure));
            System.out.println(result);
        }
    }
}
