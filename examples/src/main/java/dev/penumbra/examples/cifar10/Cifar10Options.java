// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.run.RecipeOptions;
import dev.penumbra.examples.run.RunOptions;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of the program; every default of the recipe is here. */
final class Cifar10Options implements RecipeOptions {

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

    @Mixin private RunOptions run = new RunOptions();

    @Override
    public void check() {
        run.check();
        RunOptions.requireAtLeast("--epochs", epochs(), 1);
        RunOptions.requireAtLeast("--batch-size", batchSize, 1);
        RunOptions.require(
                lr > 0 && Double.isFinite(lr), "--lr must be finite and above 0, got " + lr);
        RunOptions.require(
                minLr >= 0 && minLr <= lr, "--min-lr must be in [0, " + lr + "], got " + minLr);
        RunOptions.require(
                weightDecay >= 0 && Double.isFinite(weightDecay),
                "--weight-decay must be finite and at least 0, got " + weightDecay);
        try {
            schedule();
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    @Override
    public int epochs() {
        return epochs != null ? epochs : run.smoke() ? 1 : 10;
    }

    @Override
    public int batchSize() {
        return batchSize;
    }

    double weightDecay() {
        return weightDecay;
    }

    DecaySchedule schedule() {
        ConstantDecay constant = new ConstantDecay(decay);
        return warmup ? Decays.inversePower(decay, warmupGamma, warmupPower) : constant;
    }

    EpochCosine learningRate(int batches) {
        return new EpochCosine(lr, minLr, 2 * batches, batches);
    }

    @Override
    public RunOptions run() {
        return run;
    }

    @Override
    public Map<String, @Nullable Object> config(int batches) {
        Map<String, @Nullable Object> config = new LinkedHashMap<>();
        config.put("epochs", epochs());
        config.put("batch_size", batchSize);
        config.put("optimizer", "AdamW");
        config.put("learning_rate", learningRate(batches).toString());
        config.put("weight_decay", weightDecay);
        config.put("average", schedule().toString());
        run.describe(config);
        return config;
    }
}
