// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.ema.AfterStep;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import picocli.CommandLine;

/** The end of a program in the middle, right after a step and before its checkpoint. */
public final class Interrupted extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** Runs a program that ends after so many steps in this process. */
    public static <P> void run(
            Supplier<P> create, BiConsumer<P, AfterStep> observe, int steps, String... args) {
        P program = create.get();
        int[] done = {0};
        observe.accept(
                program,
                averages -> {
                    if (++done[0] == steps) {
                        throw new Interrupted();
                    }
                });
        CommandLine line = new CommandLine(program);
        line.setOut(new PrintWriter(new StringWriter()));
        Throwable[] thrown = {null};
        line.setExecutionExceptionHandler(
                (e, command, result) -> {
                    thrown[0] = e;
                    return 1;
                });
        int code = line.execute(args);
        if (!(thrown[0] instanceof Interrupted)) {
            throw new AssertionError(Arrays.toString(args) + " ended with code " + code, thrown[0]);
        }
    }
}
