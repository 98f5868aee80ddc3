// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import ai.djl.Device;
import ai.djl.engine.Engine;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.data.DataRequest;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that every training program has, whatever it trains. */
public final class RunOptions {

    /** Where to train. */
    enum Place {
        AUTO,
        CPU,
        GPU
    }

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "Seed of the first run (${DEFAULT-VALUE}).")
    private int seed;

    @Option(
            names = "--seeds",
            paramLabel = "K",
            description = "Number of runs, with seeds one after the other (${DEFAULT-VALUE}).")
    private int seeds = 1;

    @Option(
            names = "--device",
            paramLabel = "auto|cpu|gpu",
            description = "Where to train (auto: on a GPU if there is one).")
    private Place device = Place.AUTO;

    @Option(
            names = "--threads",
            paramLabel = "N",
            description = "Threads of one operation (one per core).")
    private @Nullable Integer threads;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            description =
                    "Folder with the images as they are published: of CIFAR-10 the binary"
                            + " version, or DJL's layout of it (downloaded).")
    private @Nullable Path data;

    @Option(names = "--offline", description = "Do not download anything.")
    private boolean offline;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder for log, report and models (runs/${COMMAND-NAME}-TIME).")
    private @Nullable Path out;

    @Mixin private CheckpointOptions checkpoints = new CheckpointOptions();

    @Option(
            names = "--smoke",
            description = "One epoch on a sample of 1,000 images, to see that everything works.")
    private boolean smoke;

    /** Checks every value that has a range. */
    public void check() {
        checkpoints.check();
        requireAtLeast("--seeds", seeds, 1);
        requireAtLeast("--seed", seed, 0);
        require(
                seed <= Integer.MAX_VALUE - seeds,
                "--seed must be at most " + (Integer.MAX_VALUE - seeds) + ", got " + seed);
        require(!smoke || data == null, "--data must be absent with --smoke, got " + data);
        if (threads != null) {
            requireAtLeast("--threads", threads, 1);
        }
    }

    /** Refuses a whole number below a least one. */
    public static void requireAtLeast(String name, int value, int least) {
        require(value >= least, name + " must be at least " + least + ", got " + value);
    }

    /** Refuses a number that is negative or not finite. */
    public static void requireNotNegative(String name, double value) {
        require(
                value >= 0 && Double.isFinite(value),
                name + " must be finite and at least 0, got " + value);
    }

    /** Refuses options with a message unless a condition holds. */
    public static void require(boolean condition, String message) {
        if (!condition) {
            throw new UsageException(message);
        }
    }

    /** The seeds, one after the other. */
    public int[] seeds() {
        return IntStream.range(seed, seed + seeds).toArray();
    }

    @Nullable Integer threads() {
        return threads;
    }

    /** Where to look for the images. */
    public DataRequest request() {
        return new DataRequest(data, offline);
    }

    @Nullable Path out() {
        return out;
    }

    /** Whether to train on the sample only. */
    public boolean smoke() {
        return smoke;
    }

    /** The options about checkpoints. */
    public CheckpointOptions checkpoints() {
        return checkpoints;
    }

    /** Takes over where things are, as far as it was given. */
    void locate(RunOptions given) {
        data = given.data == null ? data : given.data;
        offline |= given.offline;
    }

    /** The device that trains; this loads the engine. */
    public Device device() {
        boolean gpu = Engine.getInstance().getGpuCount() > 0;
        require(
                device != Place.GPU || gpu,
                "--device must be auto or cpu without a CUDA GPU, got gpu");
        return gpu && device != Place.CPU ? Device.gpu() : Device.cpu();
    }

    /** Adds those that results depend on to the settings for the log. */
    public void describe(Map<String, @Nullable Object> config) {
        config.put("seed", seed);
        config.put("seeds", seeds);
        config.put("smoke", smoke);
    }
}
