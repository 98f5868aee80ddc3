// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.SavingProgram;
import java.io.IOException;
import java.nio.file.Path;

/** {@link SavingProgram} with averages. */
final class SavingAveragesProgram {

    private SavingAveragesProgram() {}

    public static void main(String[] arguments) throws IOException, TranslateException {
        SavingProgram.run(AveragesScenario.largest(), Path.of(arguments[0]));
    }
}
