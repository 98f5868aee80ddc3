// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.Device;
import ai.djl.engine.Engine;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.InversePowerWarmup;
import dev.penumbra.examples.UsageException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of the program; every default of the recipe is here. */
final class Cifar10Options {

    /** Where to train. */
    enum Place {
        AUTO,
        CPU,
        GPU
    }

    @Option(names = "--epochs", paramLabel = "N", description = "Epochs (10; 1 with --smoke).")
    private @Nullable Integer epochs;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            description = "Images per batch (${DEFAULT-VALUE}).")
    private int batchSize = 64;

    @Option(
            names = "--lr",
            paramLabel = "X",
            description = "Learning rate of the first epoch (${DEFAULT-VALUE}).")
    private double lr = 0.001;

    @Option(
            names = "--min-lr",
            paramLabel = "X",
            description = "Least learning rate of the cosine (${DEFAULT-VALUE}).")
    private double minLr = 1e-4;

    @Option(
            names = "--weight-decay",
            paramLabel = "X",
            description = "Weight decay of AdamW (${DEFAULT-VALUE}).")
    private double weightDecay = 0.01;

    @Option(
            names = "--decay",
            paramLabel = "X",
            description = "Decay of the average, in [0, 1) (${DEFAULT-VALUE}).")
    private double decay = 0.9998;

    @Option(
            names = "--warmup",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Let the decay rise from 0 (on; --no-warmup turns it off).")
    private boolean warmup = true;

    @Option(
            names = "--warmup-gamma",
            paramLabel = "X",
            description = "Scale of the warmup in steps (${DEFAULT-VALUE}).")
    private double warmupGamma = 1;

    @Option(names = "--warmup-power", paramLabel = "X", description = "Speed of the warmup (2/3).")
    private double warmupPower = 2.0 / 3;

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
                    "Folder with CIFAR-10 in its binary version, or in DJL's layout (downloaded).")
    private @Nullable Path data;

    @Option(names = "--offline", description = "Do not download anything.")
    private boolean offline;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "Folder for log, report and models (runs/cifar10-TIME).")
    private @Nullable Path out;

    @Mixin private CheckpointOptions checkpoints = new CheckpointOptions();

    @Option(
            names = "--smoke",
            description = "One epoch on a sample of 1,000 images, to see that everything works.")
    private boolean smoke;

    /** Checks every value that has a range. */
    void check() {
        checkpoints.check();
        requireAtLeast("--epochs", epochs(), 1);
        requireAtLeast("--batch-size", batchSize, 1);
        requireAtLeast("--seeds", seeds, 1);
        requireAtLeast("--seed", seed, 0);
        require(
                seed <= Integer.MAX_VALUE - seeds,
                "--seed must be at most " + (Integer.MAX_VALUE - seeds) + ", got " + seed);
        require(!smoke || data == null, "--data must be absent with --smoke, got " + data);
        if (threads != null) {
            requireAtLeast("--threads", threads, 1);
        }
        require(lr > 0 && Double.isFinite(lr), "--lr must be finite and above 0, got " + lr);
        require(minLr >= 0 && minLr <= lr, "--min-lr must be in [0, " + lr + "], got " + minLr);
        require(
                weightDecay >= 0 && Double.isFinite(weightDecay),
                "--weight-decay must be finite and at least 0, got " + weightDecay);
        try {
            schedule();
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private static void requireAtLeast(String name, int value, int least) {
        require(value >= least, name + " must be at least " + least + ", got " + value);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new UsageException(message);
        }
    }

    int epochs() {
        return epochs != null ? epochs : smoke ? 1 : 10;
    }

    int batchSize() {
        return batchSize;
    }

    int[] seeds() {
        return IntStream.range(seed, seed + seeds).toArray();
    }

    double weightDecay() {
        return weightDecay;
    }

    DecaySchedule schedule() {
        ConstantDecay constant = new ConstantDecay(decay);
        return warmup ? new InversePowerWarmup(decay, warmupGamma, warmupPower) : constant;
    }

    EpochCosine learningRate(int batches) {
        return new EpochCosine(lr, minLr, 2 * batches, batches);
    }

    @Nullable Integer threads() {
        return threads;
    }

    @Nullable Path data() {
        return data;
    }

    boolean offline() {
        return offline;
    }

    @Nullable Path out() {
        return out;
    }

    boolean smoke() {
        return smoke;
    }

    CheckpointOptions checkpoints() {
        return checkpoints;
    }

    /** Takes over where things are, as far as it was given. */
    void locate(Cifar10Options given) {
        data = given.data == null ? data : given.data;
        offline |= given.offline;
    }

    /** The device that trains; this loads the engine. */
    Device device() {
        boolean gpu = Engine.getInstance().getGpuCount() > 0;
        if (device == Place.GPU && !gpu) {
            throw new UsageException("--device must be auto or cpu without a CUDA GPU, got gpu");
        }
        return gpu && device != Place.CPU ? Device.gpu() : Device.cpu();
    }

    /** The settings for the log, in the order of the command line. */
    Map<String, @Nullable Object> config(int batches) {
        Map<String, @Nullable Object> config = new LinkedHashMap<>();
        config.put("epochs", epochs());
        config.put("batch_size", batchSize);
        config.put("optimizer", "AdamW");
        config.put("learning_rate", learningRate(batches).toString());
        config.put("weight_decay", weightDecay);
        config.put("average", schedule().toString());
        config.put("seed", seed);
        config.put("seeds", seeds);
        config.put("smoke", smoke);
        return config;
    }
}
