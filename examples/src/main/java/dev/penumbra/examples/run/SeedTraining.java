// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import ai.djl.translate.TranslateException;
import dev.penumbra.ema.AfterStep;
import java.io.IOException;
import java.nio.file.Path;

/** The training and evaluation of one seed. */
public interface SeedTraining extends AutoCloseable {

    /** Adds what runs after each step. */
    void observe(AfterStep observer);

    /**
     * Trains from the newest checkpoint on, evaluating after each epoch, and saves the models.
     *
     * @param models the folder of the models
     * @return whether the seed has ended; false if the process is to end first
     * @throws IOException if something cannot be read or written
     * @throws TranslateException if the data cannot be prepared
     */
    boolean run(Path models) throws IOException, TranslateException;

    @Override
    void close() throws IOException;
}
