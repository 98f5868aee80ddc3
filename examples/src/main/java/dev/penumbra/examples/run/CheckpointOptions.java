// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.checkpoint.CheckpointListenerBuilder;
import dev.penumbra.examples.UsageException;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options about checkpoints and about going on from one. */
public final class CheckpointOptions {

    private static final int KEPT_IN_TRAINING = 2;

    @Option(
            names = "--resume",
            paramLabel = "RUN",
            description =
                    "Go on with the interrupted run in this folder, with its options; beside"
                            + " --data and --offline no other may be given.")
    private @Nullable Path resume;

    @Option(
            names = "--checkpoint-every-steps",
            paramLabel = "N",
            description = "Save a checkpoint every N steps, too (after each epoch only).")
    private @Nullable Integer everySteps;

    @Option(
            names = "--checkpoint-minutes",
            paramLabel = "X",
            description = "Save a checkpoint X minutes after the latest, too (after each epoch).")
    private @Nullable Double minutes;

    @Option(
            names = "--keep-checkpoints",
            paramLabel = "K",
            description = "Keep the latest K checkpoints (2, deleted when they are not needed).")
    private @Nullable Integer keep;

    /** Checks every value that has a range. */
    public void check() {
        require("--checkpoint-every-steps", everySteps);
        require("--keep-checkpoints", keep);
        // A nanosecond is the least that is not zero; the most is what still fits its count.
        if (minutes != null && !(minutes >= 1e-6 && minutes <= 1e6)) {
            throw new UsageException("--checkpoint-minutes must be in [1e-6, 1e6], got " + minutes);
        }
    }

    private static void require(String name, @Nullable Integer value) {
        if (value != null && value < 1) {
            throw new UsageException(name + " must be at least 1, got " + value);
        }
    }

    /** The folder of the run that goes on, or null for a run from the beginning. */
    public @Nullable Path resume() {
        return resume;
    }

    /** Whether checkpoints stay when they are not needed any more. */
    public boolean keepsAll() {
        return keep != null;
    }

    /** Begins a listener that saves into a folder. */
    public CheckpointListenerBuilder listener(Path folder) {
        CheckpointListenerBuilder builder =
                CheckpointListener.builder()
                        .setFolder(folder)
                        .optKeepLast(keep == null ? KEPT_IN_TRAINING : keep)
                        .optTerminate();
        if (everySteps != null) {
            builder.optEverySteps(everySteps);
        }
        if (minutes != null) {
            builder.optEvery(Duration.ofNanos(Math.round(minutes * 60e9)));
        }
        return builder;
    }
}
