// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.training.tracker.Tracker;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.run.RecipeOptions;
import dev.penumbra.examples.run.RunOptions;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.vae.loss.KlTerm;
import dev.penumbra.vae.loss.ReconstructionTerm;
import dev.penumbra.vae.loss.Reduction;
import dev.penumbra.vae.loss.VaeLoss;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.KlWeightSchedule;
import dev.penumbra.vae.schedule.RampShape;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of the program; every default of the recipe is here. */
final class VaeOptions implements RecipeOptions {

    /** How the weight of the divergence comes to its value. */
    enum Annealing {
        CONSTANT,
        MONOTONE,
        CYCLICAL
    }

    private static final long CYCLES = 4;

    @Option(
            names = "--dataset",
            paramLabel = "cifar10|mnist",
            description = "What to train on (${DEFAULT-VALUE}).")
    private VaeDataset dataset = VaeDataset.CIFAR10;

    @Option(names = "--epochs", paramLabel = "N", description = "Epochs (2; 1 with --smoke).")
    private @Nullable Integer epochs;

    @Option(
            names = "--batch-size",
            paramLabel = "N",
            description = "Images per batch (${DEFAULT-VALUE}).")
    private int batchSize = 64;

    @Option(names = "--lr", paramLabel = "X", description = "Learning rate (${DEFAULT-VALUE}).")
    private double lr = 0.001;

    @Option(
            names = "--beta1",
            paramLabel = "X",
            description = "Share of the first moment that AdamW keeps (${DEFAULT-VALUE}).")
    private double beta1 = 0.9;

    @Option(
            names = "--weight-decay",
            paramLabel = "X",
            description = "Weight decay of AdamW (${DEFAULT-VALUE}).")
    private double weightDecay;

    @Option(
            names = "--kl-weight",
            paramLabel = "X",
            description =
                    "Largest weight of the divergence, in nats per image, beside the sum of absolute"
                            + " errors of an image (${DEFAULT-VALUE}).")
    private double klWeight = 0.01;

    @Option(
            names = "--kl-annealing",
            paramLabel = "constant|monotone|cyclical",
            description =
                    "How that weight is reached: at once, along a line in the first half of the"
                            + " training, or in four cycles (${DEFAULT-VALUE}).")
    private Annealing annealing = Annealing.MONOTONE;

    @Option(
            names = "--decay",
            paramLabel = "X",
            description = "Decay of the average, in [0, 1) (${DEFAULT-VALUE}).")
    private double decay = 0.999;

    @Option(
            names = "--warmup",
            negatable = true,
            defaultValue = "true",
            fallbackValue = "true",
            description = "Let the decay rise from 0 (on; --no-warmup turns it off).")
    private boolean warmup = true;

    @Option(
            names = "--study",
            paramLabel = "kl-weight",
            description =
                    "Compare weights of the divergence, each in a run of its own: 0.001, 0.01 and 1"
                            + " at once, 0.01 along a line and in cycles, and all of them with"
                            + " --beta1 0.9 and 0.5.")
    private @Nullable String study;

    @Mixin private RunOptions run = new RunOptions();

    @Override
    public void check() {
        run.check();
        RunOptions.requireAtLeast("--epochs", epochs(), 1);
        RunOptions.requireAtLeast("--batch-size", batchSize, 1);
        RunOptions.require(
                lr > 0 && Double.isFinite(lr), "--lr must be finite and above 0, got " + lr);
        RunOptions.require(beta1 >= 0 && beta1 < 1, "--beta1 must be in [0, 1), got " + beta1);
        RunOptions.requireNotNegative("--weight-decay", weightDecay);
        RunOptions.requireNotNegative("--kl-weight", klWeight);
        RunOptions.require(
                study == null || study.equals("kl-weight"),
                "--study must be kl-weight, got " + study);
        try {
            schedule();
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    VaeDataset dataset() {
        return dataset;
    }

    boolean isStudy() {
        return study != null;
    }

    @Override
    public int epochs() {
        return epochs != null ? epochs : run.smoke() ? 1 : 2;
    }

    @Override
    public int batchSize() {
        return batchSize;
    }

    DecaySchedule schedule() {
        ConstantDecay constant = new ConstantDecay(decay);
        return warmup ? Decays.inversePower(decay, 1, 2.0 / 3) : constant;
    }

    FusedAdamW optimizer() {
        return FusedAdamW.builder()
                .optLearningRateTracker(Tracker.fixed((float) lr))
                .optBeta1(beta1)
                .optWeightDecay(weightDecay)
                .build();
    }

    VaeLoss loss(int batches) {
        return VaeLoss.builder()
                .setReconstruction(new ReconstructionTerm.L1())
                .setKl(new KlTerm.Plain())
                .setReduction(Reduction.SUM_PER_SAMPLE_MEAN_OVER_BATCH)
                .setSchedule(klWeight(batches))
                .build();
    }

    /** The weight of the divergence over a whole training. */
    KlWeightSchedule klWeight(int batches) {
        long steps = Math.max(CYCLES, (long) epochs() * batches);
        return switch (annealing) {
            case CONSTANT -> KlAnnealing.constant(klWeight);
            case MONOTONE -> KlAnnealing.monotone(klWeight, steps, RampShape.LINEAR).withRatio(0.5);
            case CYCLICAL -> KlAnnealing.cyclical(klWeight, steps, CYCLES, RampShape.LINEAR);
        };
    }

    @Override
    public RunOptions run() {
        return run;
    }

    @Override
    public Map<String, @Nullable Object> config(int batches) {
        Map<String, @Nullable Object> config = new LinkedHashMap<>();
        config.put("model", dataset.model().toString());
        config.put("epochs", epochs());
        config.put("batch_size", batchSize);
        config.put("optimizer", "AdamW");
        config.put("learning_rate", lr);
        config.put("beta1", beta1);
        config.put("weight_decay", weightDecay);
        config.put("reconstruction", "sum of absolute errors of an image");
        config.put("kl_weight", klWeight(batches).toString());
        config.put("average", schedule().toString());
        run.describe(config);
        return config;
    }
}
