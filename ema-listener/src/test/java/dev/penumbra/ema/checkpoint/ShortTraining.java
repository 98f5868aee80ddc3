// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

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
import dev.penumbra.ema.AfterStep;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.LatestAverage;
import dev.penumbra.state.State;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.torch.GlobalNormClipping;
import dev.penumbra.torch.OptimizerState;
import dev.penumbra.torch.SafeL2Loss;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A training of 5 steps in each of some epochs, with shuffled data and dropout, that can be
 * interrupted. System properties make it larger for other processes.
 */
final class ShortTraining implements AutoCloseable {

    static final int EPOCHS = Integer.getInteger("short.epochs", 3);
    private static final int HIDDEN = Integer.getInteger("short.hidden", 8);
    static final int BATCHES = 5;

    /** The end of a training in the middle. */
    static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private final Scenario scenario;
    private final Model model;
    private final NDManager manager;
    private final ResumableSampler sampler = ResumableSampler.shuffled(4);
    private final ArrayDataset data;
    private final ArrayDataset validation;
    private final EmaTrainingListener ema;
    private final LatestAverage latest = new LatestAverage(3, 2);
    private final GlobalNormClipping clipping = new GlobalNormClipping(0.5);
    private final Optimizer optimizer;
    private final CheckpointListener checkpoints;
    private final long stopAfter;
    private final List<String> failures = new ArrayList<>();

    /**
     * Prepares a training.
     *
     * @param saveEvery the steps between two checkpoints; 0 for the ends of epochs only
     * @param stopAfter the step after which it is interrupted; 0 for never
     */
    ShortTraining(Scenario scenario, Path folder, long saveEvery, long stopAfter) {
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
        ema = EmaTrainingListener.of(scenario.config());
        optimizer = scenario.optimizer().create();
        CheckpointListenerBuilder builder =
                CheckpointListener.builder()
                        .setFolder(folder)
                        .setAverages(ema)
                        .setOptimizer(optimizer)
                        .optSampler(sampler)
                        .optStepSeeds(3)
                        .optTerminate()
                        .optSettings(Map.of("scenario", scenario.name()));
        if (saveEvery > 0) {
            builder.optEverySteps(saveEvery).optEveryEpochs(1000);
        }
        if (scenario.extras()) {
            ema.addAfterStep(latest);
            builder.optPart("latest", latest.stateful(model));
        }
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

    /** Trains from the newest checkpoint to the end and tells what has come out. */
    String run() throws IOException, TranslateException {
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
        if (scenario.extras()) {
            config.addTrainingListeners(clipping);
        }
        config.addTrainingListeners(ema, checkpoints);
        try (Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1, 6));
            Progress done = checkpoints.resume(trainer);
            if (stopAfter > 0) {
                ema.addAfterStep(
                        averages -> {
                            if (averages.step() == stopAfter) {
                                throw new Interrupted();
                            }
                        });
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
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(new SafeL2Loss()).optOptimizer(optimizer);
        try (Trainer trainer = model.newTrainer(config.addTrainingListeners(ema, checkpoints))) {
            trainer.initialize(new Shape(1, 6));
            ema.averagesOf(trainer);
            use.with(trainer, checkpoints);
        }
    }

    /** The digest of all arrays and counters. */
    String digest() {
        return digest(new ModelState(model.getBlock()).state())
                + digest(ema.averages().stateful().state())
                + digest(OptimizerState.of(optimizer, model.getBlock()).state())
                + digest(latest.stateful(model).state());
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

    /** Adds what runs after each step, before it is saved. */
    void afterStep(AfterStep observer) {
        ema.addAfterStep(observer);
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
        result.put("averages", digest(ema.averages().stateful().state()));
        result.put("optimizer", digest(OptimizerState.of(optimizer, model.getBlock()).state()));
        result.put("latest", digest(latest.stateful(model).state()));
        result.put("generator", Long.toString(RandomState.get()));
        for (String name : ema.averages().names()) {
            if (ema.averages().get(name).isStarted() && !scenario.name().contains("RECOMPUTE")) {
                result.put(
                        "report " + name,
                        ema.averages().get(name).evaluate(trainer, validation)
                                + " "
                                + ema.averages().get(name).distance()
                                + " "
                                + ema.averages().get(name).decay());
            }
        }
        return scenario.name() + " " + result;
    }

    static String digest(State state) {
        MessageDigest digest = Sha256Sums.digest();
        Map<String, NDArray> arrays = new LinkedHashMap<>(state.arrays());
        arrays.forEach(
                (name, array) -> {
                    digest.update(name.getBytes(StandardCharsets.UTF_8));
                    digest.update(array.getDataType().name().getBytes(StandardCharsets.UTF_8));
                    ByteBuffer bytes = array.toByteBuffer();
                    digest.update(bytes);
                });
        digest.update(new TreeMap<>(state.values()).toString().getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    @Override
    public void close() throws IOException {
        checkpoints.close();
        latest.close();
        ema.close();
        if (optimizer instanceof FusedAdamW fused) {
            fused.close();
        }
        model.close();
    }

    /** Trains and tells what has come out; null if it was interrupted. */
    static @Nullable String run(Scenario scenario, Path folder, long saveEvery, long stopAfter)
            throws IOException, TranslateException {
        try (ShortTraining training = new ShortTraining(scenario, folder, saveEvery, stopAfter)) {
            return training.run();
        } catch (Interrupted e) {
            return null;
        }
    }
}
