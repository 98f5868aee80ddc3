// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.examples.data.ImageData;
import java.util.LinkedHashMap;
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

    /** The number of epochs. */
    int epochs();

    /** The images in a batch. */
    int batchSize();

    /**
     * The settings for the log, in the order of the command line.
     *
     * @param batches the batches of an epoch
     */
    Map<String, @Nullable Object> config(int batches);

    /**
     * What a checkpoint must have been made with, so that a seed can go on from it.
     *
     * @param batches the batches of an epoch
     * @param seed the seed
     * @param data the images
     */
    default Map<String, String> settings(int batches, int seed, ImageData data) {
        Map<String, String> settings = new LinkedHashMap<>();
        config(batches).forEach((name, value) -> settings.put(name, String.valueOf(value)));
        settings.put("data", data.checksums().toString());
        settings.put("this_seed", Integer.toString(seed));
        return settings;
    }
}
