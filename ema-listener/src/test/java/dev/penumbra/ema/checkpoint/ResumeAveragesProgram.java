// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.ResumeProgram;
import java.io.IOException;
import java.nio.file.Path;

/** {@link ResumeProgram} for every rule and setting of averages. */
final class ResumeAveragesProgram {

    private ResumeAveragesProgram() {}

    public static void main(String[] arguments) throws IOException, TranslateException {
        ResumeProgram.run(AveragesScenario.all(), arguments[0], Path.of(arguments[1]));
    }
}
