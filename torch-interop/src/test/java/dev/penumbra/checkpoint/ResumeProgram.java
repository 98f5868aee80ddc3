// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.translate.TranslateException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs every scenario and prints a line of results for each. The first argument says how: {@code
 * begin} trains without interruption, prints, and trains again up to an interruption; {@code
 * resume} goes on from there and prints. The second one is a folder for everything.
 */
public final class ResumeProgram {

    /** Interruptions: in the middle of the second epoch, and right after its end. */
    public static final List<Integer> STEPS = List.of(7, 10);

    private ResumeProgram() {}

    public static void main(String[] arguments) throws IOException, TranslateException {
        run(PlainScenario.all(), arguments[0], Path.of(arguments[1]));
    }

    /** Runs scenarios. */
    public static void run(List<Scenario> scenarios, String phase, Path folder)
            throws IOException, TranslateException {
        int number = 0;
        for (Scenario scenario : scenarios) {
            for (int step : STEPS) {
                Path own = folder.resolve(number++ + "-" + step);
                // A training that saves at the ends of epochs is stopped in the next one.
                long saveEvery = step % ShortTraining.BATCHES == 0 ? 0 : step;
                long stop = saveEvery == 0 ? step + 1 : step;
                if (phase.equals("begin")) {
                    Path other = folder.resolve("whole-" + number);
                    System.out.println(ShortTraining.run(scenario, other, 1000, 0));
                    ShortTraining.run(scenario, own, saveEvery, stop);
                } else {
                    System.out.println(ShortTraining.run(scenario, own, 1000, 0));
                }
            }
        }
    }
}
