// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.loss.Loss;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import dev.penumbra.vae.schedule.KlAnnealing;
import dev.penumbra.vae.schedule.RampShape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * A training against a discriminator whose steps are epochs, with a checkpoint after every second
 * one. It goes on from the newest one, and prints the sum of all weights at its end.
 */
final class AdversarialProgram {

    static final int STEPS = 40;

    private static final long SEED = 5;
    private static final Shape IMAGES = new Shape(2, 1, 8, 8);
    private static final AutoencoderKLConfig SMALL =
            new AutoencoderKLConfig(
                    1, 1, 2, List.of(4, 8), 1, 2, Set.of(), true, true, OddSizes.REJECT);

    private AdversarialProgram() {}

    private static Optimizer adam() {
        return Optimizer.adam().optLearningRateTracker(Tracker.fixed(1e-3f)).build();
    }

    private static DefaultTrainingConfig config(Loss loss, Optimizer optimizer) {
        return new DefaultTrainingConfig(loss)
                .optOptimizer(optimizer)
                .optDevices(new Device[] {Device.cpu()});
    }

    /** The folder of the checkpoints, and the steps to take. */
    public static void main(String[] arguments) throws IOException {
        System.out.println(train(Path.of(arguments[0]), Integer.parseInt(arguments[1])));
    }

    /** Trains up to a number of steps in all and returns the sum of all weights. */
    static long train(Path folder, int steps) throws IOException {
        Engine.getEngine("PyTorch").setRandomSeed((int) SEED);
        VaeLoss loss =
                VaeLoss.latentDiffusion()
                        .setSchedule(KlAnnealing.monotone(1e-3, 30, RampShape.LINEAR))
                        .build();
        Optimizer optimizer = adam();
        List<AdversarialTraining> adversarial = new ArrayList<>();
        CheckpointListener checkpoints =
                CheckpointListener.builder()
                        .setFolder(folder)
                        .setOptimizer(optimizer)
                        .optEveryEpochs(2)
                        .optStepSeeds(SEED)
                        .optPart("adversarial", trainer -> adversarial.get(0))
                        .build();
        try (Model generator = Model.newInstance("generator", "PyTorch");
                Model critic = Model.newInstance("critic", "PyTorch")) {
            generator.setBlock(new WithLastLayer(new AutoencoderKL(SMALL)));
            critic.setBlock(new PatchDiscriminator(1, 4, 1).block());
            try (Trainer one =
                            generator.newTrainer(
                                    config(loss, optimizer)
                                            .addTrainingListeners(loss.steps(), checkpoints));
                    Trainer two = critic.newTrainer(config(Loss.l2Loss(), adam()))) {
                one.initialize(IMAGES);
                two.initialize(IMAGES);
                AdversarialConfig config = AdversarialConfig.latentDiffusion().withStart(10);
                adversarial.add(new AdversarialTraining(one, two, config));
                checkpoints.resume(one);
                System.out.println("begins at " + loss.steps().getAsLong());
                while (loss.steps().getAsLong() < steps) {
                    step(one, adversarial.get(0), loss.steps().getAsLong());
                }
                return sum(generator.getBlock()) * 31 + sum(critic.getBlock());
            }
        }
    }

    private static void step(Trainer trainer, AdversarialTraining training, long step) {
        try (NDManager scope = trainer.getManager().newSubManager()) {
            float[] values = new float[(int) IMAGES.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) Math.sin(0.1 * i + step);
            }
            NDList data = new NDList(scope.create(values, IMAGES));
            training.step(new Batch(scope, data, data, 2, null, null, 0, 1));
            trainer.notifyListeners(listener -> listener.onEpoch(trainer));
        }
    }

    private static long sum(Block block) {
        CRC32 sum = new CRC32();
        for (Parameter parameter : block.getParameters().values()) {
            try (NDArray copy = parameter.getArray().duplicate()) {
                sum.update(copy.toByteBuffer());
            }
        }
        return sum.getValue();
    }
}
