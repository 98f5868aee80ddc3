// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Activation;
import ai.djl.nn.SequentialBlock;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.nn.norm.Dropout;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.BatchSampler;
import ai.djl.training.dataset.Sampler;
import ai.djl.training.dataset.SequenceSampler;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.ModelState;
import dev.penumbra.state.State;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.torch.OptimizerState;
import dev.penumbra.torch.SafeL2Loss;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A training of 5 steps in each of some epochs, with shuffled data and dropout, that can be
 * interrupted. System properties make it larger for other processes.
 */
public final class ShortTraining implements AutoCloseable {

    /** The number of steps in an epoch. */
    public static final int BATCHES = 5;

    static final int EPOCHS = Integer.getInteger("short.epochs", 3);
    private static final Duration GRACE = Duration.ofSeconds(Integer.getInteger("short.grace", 60));
    private static final int HIDDEN = Integer.getInteger("short.hidden", 8);

    /** The end of a training in the middle. */
    static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /** Ends the training after a step has been dealt with. */
    private record End(long step) implements StepObserver {
        @Override
        public void onStepEnd(Trainer trainer) {
            if (OptimizerSteps.of(trainer).taken() == step) {
                throw new Interrupted();
            }
        }
    }

    private final Scenario scenario;
    private final Model model;
    private final NDManager manager;
    private final ResumableSampler sampler = ResumableSampler.shuffled(4);
    private final ArrayDataset data;
    private final ArrayDataset validation;
    private final Companion companion;
    private final Optimizer optimizer;
    private final CheckpointListener checkpoints;
    private final long stopAfter;
    private final List<StepObserver> observers = new ArrayList<>();
    private final List<String> failures = new ArrayList<>();

    /**
     * Prepares a training.
     *
     * @param scenario the scenario
     * @param folder where the checkpoints go
     * @param saveEvery the steps between two checkpoints; 0 for the ends of epochs only
     * @param stopAfter the step of this process after which it is interrupted; 0 for never
     */
    public ShortTraining(Scenario scenario, Path folder, long saveEvery, long stopAfter) {
        this.scenario = scenario;
        this.stopAfter = stopAfter;
        Engine.getInstance().setRandomSeed(17);
        model = Model.newInstance("short", "PyTorch");
        model.setBlock(
                new SequentialBlock()
                        .add(Linear.builder().setUnits(HIDDEN).build())
                        .add(BatchNorm.builder().build())
                        .add(Activation.reluBlock())
                        .add(Dropout.builder().optRate(0.3f).build())
                        .add(Linear.builder().setUnits(3).build()));
        manager = model.getNDManager().newSubManager();
        data = data(20, sampler);
        validation = data(12, new BatchSampler(new SequenceSampler(), 6));
        companion = scenario.begin(model);
        optimizer = scenario.optimizer().create();
        CheckpointListenerBuilder builder =
                CheckpointListener.builder()
                        .setFolder(folder)
                        .setOptimizer(optimizer)
                        .optSampler(sampler)
                        .optStepSeeds(3)
                        .optTerminate(GRACE)
                        .optSettings(Map.of("scenario", scenario.name()));
        if (saveEvery > 0) {
            builder.optEverySteps(saveEvery).optEveryEpochs(1000);
        }
        companion.addTo(builder);
        checkpoints = builder.build();
    }

    private ArrayDataset data(int count, Sampler order) {
        Random random = new Random(count);
        double[] values = random.doubles(count * 6L, -1, 1).toArray();
        double[] targets = random.doubles(count * 3L, -1, 1).toArray();
        NDArray inputs =
                manager.create(values, new Shape(count, 6)).toType(DataType.FLOAT32, false);
        NDArray labels =
                manager.create(targets, new Shape(count, 3)).toType(DataType.FLOAT32, false);
        return new ArrayDataset.Builder()
                .setData(inputs)
                .optLabels(labels)
                .setSampling(order)
                .build();
    }

    private Trainer newTrainer() {
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
        companion.listeners().forEach(config::addTrainingListeners);
        Trainer trainer = model.newTrainer(config.addTrainingListeners(checkpoints));
        trainer.initialize(new Shape(1, 6));
        return trainer;
    }

    /**
     * Trains from the newest checkpoint to the end.
     *
     * @return what has come out
     */
    public String run() throws IOException, TranslateException {
        try (Trainer trainer = newTrainer()) {
            Progress done = checkpoints.resume(trainer);
            observers.forEach(OptimizerSteps.of(trainer)::add);
            if (stopAfter > 0) {
                OptimizerSteps.of(trainer).add(new End(stopAfter));
            }
            train(trainer, EPOCHS - Math.toIntExact(done.epoch()));
            return result(trainer);
        }
    }

    /** What is done with a training that does not run. */
    @FunctionalInterface
    interface Use {
        void with(Trainer trainer, CheckpointListener checkpoints)
                throws IOException, TranslateException;
    }

    /** Prepares everything for the first step. */
    void open(Use use) throws IOException, TranslateException {
        try (Trainer trainer = newTrainer()) {
            companion.prepare(trainer);
            use.with(trainer, checkpoints);
        }
    }

    /** The digest of all arrays and counters. */
    String digest() {
        return digest(new ModelState(model.getBlock()).state())
                + digest(OptimizerState.of(optimizer, model.getBlock()).state())
                + companion.digest();
    }

    /** As EasyTrain, but what cannot be saved is only noted. */
    private void train(Trainer trainer, int epochs) throws IOException, TranslateException {
        for (int epoch = 0; epoch < epochs; epoch++) {
            for (Batch batch : trainer.iterateDataset(data)) {
                try (batch) {
                    EasyTrain.trainBatch(trainer, batch);
                    noting(trainer::step);
                }
            }
            noting(() -> trainer.notifyListeners(listener -> listener.onEpoch(trainer)));
        }
        noting(
                () -> {
                    try {
                        checkpoints.await();
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    private void noting(Runnable action) {
        try {
            action.run();
        } catch (UncheckedIOException e) {
            failures.add(String.valueOf(e.getMessage()));
        }
    }

    /** Adds what is told of each step. */
    void observe(StepObserver observer) {
        observers.add(observer);
    }

    CheckpointListener checkpoints() {
        return checkpoints;
    }

    /** Why checkpoints could not be saved. */
    List<String> failures() {
        return failures;
    }

    private String result(Trainer trainer) throws IOException, TranslateException {
        Map<String, String> result = new TreeMap<>();
        result.put("model", digest(new ModelState(model.getBlock()).state()));
        result.put("optimizer", digest(OptimizerState.of(optimizer, model.getBlock()).state()));
        result.put("generator", Long.toString(RandomState.get()));
        result.putAll(companion.results(trainer, validation));
        return scenario.name() + " " + result;
    }

    /**
     * Takes the digest of a state.
     *
     * @param state the state
     * @return the digest of all its arrays and values
     */
    public static String digest(State state) {
        MessageDigest digest = Sha256Sums.digest();
        state.arrays()
                .forEach(
                        (name, array) -> {
                            digest.update(name.getBytes(StandardCharsets.UTF_8));
                            digest.update(
                                    array.getDataType().name().getBytes(StandardCharsets.UTF_8));
                            digest.update(array.toByteBuffer());
                        });
        digest.update(new TreeMap<>(state.values()).toString().getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    @Override
    public void close() throws IOException {
        checkpoints.close();
        companion.close();
        if (optimizer instanceof FusedAdamW fused) {
            fused.close();
        }
        model.close();
    }

    /**
     * Trains from the newest checkpoint on.
     *
     * @return what has come out; null if it was interrupted
     */
    public static @Nullable String run(
            Scenario scenario, Path folder, long saveEvery, long stopAfter)
            throws IOException, TranslateException {
        try (ShortTraining training = new ShortTraining(scenario, folder, saveEvery, stopAfter)) {
            return training.run();
        } catch (Interrupted e) {
            return null;
        }
    }
}
