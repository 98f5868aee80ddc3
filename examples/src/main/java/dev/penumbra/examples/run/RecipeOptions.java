// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The options of a program: how it trains, and what every program asks. */
public interface RecipeOptions {

    /**
     * Checks every value that has a range.
     *
     * @throws dev.penumbra.examples.UsageException if one is outside it
     */
    void check();

    /** The options that every program has. */
    RunOptions run();

    /** The images in a batch. */
    int batchSize();

    /**
     * The settings for the log, in the order of the command line.
     *
     * @param batches the batches of an epoch
     */
    Map<String, @Nullable Object> config(int batches);
}
