// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.loss.Loss;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.checkpoint.Progress;
import dev.penumbra.checkpoint.ResumableSampler;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.EmaTrainingListenerBuilder;
import dev.penumbra.ema.posthoc.AverageProfile;
import dev.penumbra.ema.posthoc.PostHocSnapshots;
import dev.penumbra.ema.posthoc.PostHocSynthesis;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.PowerFunction;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Dataset;
import dev.penumbra.examples.run.CheckpointOptions;
import dev.penumbra.examples.run.LogPosition;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.torch.FusedAdamW;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** One training with all averages, and the comparison after it. */
final class PostHocRun implements AutoCloseable {

    /**
     * The settings of a run.
     *
     * @param epochs the number of epochs
     * @param snapshotEvery the steps between two snapshots
     * @param seed the seed
     * @param intervals the steps between two updates of an average
     * @param folder the folder of the snapshots
     */
    record Settings(int epochs, int snapshotEvery, int seed, List<Integer> intervals, Path folder) {

        /** The settings for the log, in the order of the command line. */
        Map<String, @Nullable Object> config() {
            Map<String, @Nullable Object> config = new LinkedHashMap<>();
            config.put("epochs", epochs);
            config.put("snapshot_every", snapshotEvery);
            config.put("seed", seed);
            config.put("update_every", intervals.toString());
            return config;
        }
    }

    private static final int BATCH = 64;
    private static final int TEST_BATCH = 1000;
    private static final double[] TRACKED = {0.05, 0.10};
    private static final double[] WIDTHS = {0.04, 0.05, 0.07, 0.10, 0.15, 0.20};

    private final Settings settings;
    private final Terminal terminal;
    private final Model model;
    private final ArrayDataset training;
    private final ArrayDataset test;
    private final EmaTrainingListener ema;
    private final List<PostHocSnapshots> snapshots = new ArrayList<>();
    private final FusedAdamW optimizer;
    private final RunFolder folder;
    private final CheckpointListener checkpoints;
    private final int batches;

    PostHocRun(
            Settings settings,
            Cifar10Data data,
            Terminal terminal,
            RunFolder folder,
            CheckpointOptions options)
            throws IOException {
        this.settings = settings;
        this.folder = folder;
        this.terminal = terminal;
        Engine.getInstance().setRandomSeed(settings.seed());
        model = Model.newInstance("cifar10");
        model.setBlock(TutorialNet.create());
        ResumableSampler sampler = ResumableSampler.shuffled(BATCH);
        training = Cifar10Dataset.of(model.getNDManager(), data, Dataset.Usage.TRAIN, sampler);
        test = Cifar10Dataset.of(model.getNDManager(), data, Dataset.Usage.TEST, TEST_BATCH, false);
        EmaTrainingListenerBuilder builder = EmaTrainingListener.builder();
        for (int every : settings.intervals()) {
            for (double width : WIDTHS) {
                builder.setAverage(name(width, every), schedule(width, every));
            }
            PostHocSnapshots writer =
                    PostHocSnapshots.builder()
                            .setFolder(folder(every))
                            .optEvery(settings.snapshotEvery())
                            .optAverages(name(TRACKED[0], every), name(TRACKED[1], every))
                            .optContinue()
                            .build();
            snapshots.add(writer);
            builder.optAfterStep(writer);
        }
        ema = builder.build();
        batches = Math.toIntExact(1 + (training.size() - 1) / BATCH);
        optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker(new EpochCosine(0.001, 1e-4, 2 * batches, batches))
                        .optWeightDecay(0.01f)
                        .build();
        checkpoints = checkpoints(options, data, sampler);
    }

    private CheckpointListener checkpoints(
            CheckpointOptions options, Cifar10Data data, ResumableSampler sampler) {
        Map<String, String> fixed = new LinkedHashMap<>();
        settings.config().forEach((name, value) -> fixed.put(name, String.valueOf(value)));
        fixed.put("data", data.checksums().toString());
        return options.listener(folder.checkpoints(settings.seed()))
                .optPart("averages", ema)
                .setOptimizer(optimizer)
                .optSampler(sampler)
                .optSettings(fixed)
                .optPart("log", new LogPosition(folder.log()))
                .build();
    }

    /** Adds what runs after each step. */
    void observe(AfterStep observer) {
        ema.addAfterStep(observer);
    }

    private static String name(double width, int every) {
        return "width-" + width + "-every-" + every;
    }

    private static DecaySchedule schedule(double width, int every) {
        PowerFunction profile = PowerFunction.ofRelativeWidth(width);
        return every == 1 ? profile : profile.every(every);
    }

    private Path folder(int every) {
        return settings.folder().resolve("snapshots-every-" + every);
    }

    /**
     * Trains all epochs from the newest checkpoint on.
     *
     * @return whether the training has ended; false if the process is to end first
     */
    boolean train() throws IOException, TranslateException {
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                        .optOptimizer(optimizer)
                        .addTrainingListeners(ema, checkpoints);
        try (Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1, 3, 32, 32));
            Progress done = checkpoints.resume(trainer);
            folder.begin(settings.seed(), done, 0);
            discardSnapshots(done.step());
            int batch = Math.toIntExact(done.batch());
            int epoch = Math.toIntExact(done.epoch());
            while (++epoch <= settings.epochs()) {
                train(trainer, epoch, batch);
                batch = 0;
                trainer.notifyListeners(listener -> listener.onEpoch(trainer));
            }
        }
        return !checkpoints.isTerminated();
    }

    /** Deletes the snapshots that are to come again; those of the last step do without a step. */
    private void discardSnapshots(long step) throws IOException {
        boolean ended = step == (long) settings.epochs() * batches;
        for (int i = 0; i < snapshots.size(); i++) {
            if (Files.isDirectory(folder(settings.intervals().get(i)))) {
                snapshots.get(i).discardAfter(ended ? step - 1 : step);
            }
        }
    }

    /** Compares the averages after the training. */
    List<PostHocRow> compare() throws IOException, TranslateException, MalformedModelException {
        List<PostHocRow> rows = new ArrayList<>();
        for (PostHocSnapshots writer : snapshots) {
            writer.write(ema.averages());
        }
        for (int every : settings.intervals()) {
            rows.addAll(compare(every));
        }
        return rows;
    }

    private void train(Trainer trainer, int epoch, int trained)
            throws IOException, TranslateException {
        terminal.start("epoch " + epoch, batches, "batches");
        terminal.advance(trained);
        for (Batch batch : trainer.iterateDataset(training)) {
            EasyTrain.trainBatch(trainer, batch);
            trainer.step();
            batch.close();
            terminal.advance(1);
        }
        terminal.close();
    }

    private List<PostHocRow> compare(int every)
            throws IOException, TranslateException, MalformedModelException {
        PostHocSynthesis synthesis = PostHocSynthesis.open(folder(every), model);
        List<AverageProfile> targets = new ArrayList<>();
        for (double width : WIDTHS) {
            targets.add(new AverageProfile(schedule(width, every), ema.step()));
        }
        List<ModelWeights> made = synthesis.synthesize(targets, null);
        List<PostHocRow> rows = new ArrayList<>();
        try (ModelWeights online = ModelWeights.copyOf(model)) {
            for (int i = 0; i < WIDTHS.length; i++) {
                double predicted = synthesis.combination(targets.get(i)).error();
                rows.add(row(every, WIDTHS[i], predicted, made.get(i), online));
            }
        } finally {
            made.forEach(ModelWeights::close);
        }
        return rows;
    }

    private PostHocRow row(
            int every, double width, double predicted, ModelWeights made, ModelWeights online)
            throws IOException, TranslateException {
        try (ModelWeights tracked = ema.averages().get(name(width, every)).snapshot()) {
            TestPredictions expected = predictions(tracked);
            TestPredictions actual = predictions(made);
            int differing = 0;
            for (int i = 0; i < expected.size(); i++) {
                differing += expected.predicted(i) == actual.predicted(i) ? 0 : 1;
            }
            double distance = distance(made.arrays(), tracked.arrays());
            boolean isTracked = width == TRACKED[0] || width == TRACKED[1];
            return new PostHocRow(
                    every,
                    width,
                    isTracked,
                    predicted,
                    distance / distance(tracked.arrays(), Map.of()),
                    distance / distance(tracked.arrays(), online.arrays()),
                    expected.accuracy(),
                    actual.accuracy(),
                    differing);
        }
    }

    private TestPredictions predictions(ModelWeights weights)
            throws IOException, TranslateException {
        return TestPredictions.of(
                model.getNDManager(), test, Math.toIntExact(test.size()), weights::forward);
    }

    /** The Euclidean distance of two sets of weights; what the second lacks is zero. */
    private static double distance(Map<String, NDArray> first, Map<String, NDArray> second) {
        double squares = 0;
        for (Map.Entry<String, NDArray> entry : first.entrySet()) {
            float[] a = entry.getValue().toFloatArray();
            float[] b =
                    second.isEmpty()
                            ? new float[a.length]
                            : Objects.requireNonNull(second.get(entry.getKey())).toFloatArray();
            for (int i = 0; i < a.length; i++) {
                double difference = (double) a[i] - b[i];
                squares += difference * difference;
            }
        }
        return Math.sqrt(squares);
    }

    @Override
    public void close() throws IOException {
        try {
            checkpoints.close();
        } finally {
            ema.close();
            optimizer.close();
            model.close();
        }
    }
}
