// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A training that saves after every step, to be killed at any moment. It prints {@code begin}
 * before its first step, what could not be saved, and its results at the end.
 */
final class SavingProgram {

    private SavingProgram() {}

    static Scenario scenario() {
        return Scenario.all().stream()
                .filter(each -> each.name().equals("FUSED_ADAMW several"))
                .findFirst()
                .orElseThrow();
    }

    public static void main(String[] arguments) throws IOException, TranslateException {
        Path folder = Path.of(arguments[0]);
        try (ShortTraining training = new ShortTraining(scenario(), folder, 1, 0)) {
            System.out.println("begin");
            String result = training.run();
            training.failures().forEach(failure -> System.out.println("failure " + failure));
            System.out.println(result);
        }
    }
}
