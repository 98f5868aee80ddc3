// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.loss.Loss;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.checkpoint.Progress;
import dev.penumbra.checkpoint.ResumableSampler;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Dataset;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.run.EpochClock;
import dev.penumbra.examples.run.EpochLoop;
import dev.penumbra.examples.run.LogPosition;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.examples.run.SeedTraining;
import dev.penumbra.torch.FusedAdamW;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/** The training and evaluation of one seed. */
final class SeedRun implements SeedTraining {

    private static final int EVALUATION_BATCH = 1000;
    private static final int REPORT_EVERY = 200;

    private final int seed;
    private final Cifar10Options options;
    private final Cifar10Data data;
    private final RunFolder folder;
    private final Terminal terminal;
    private final Model model;
    private final NDManager manager;
    private final ArrayDataset training;
    private final ArrayDataset test;
    private final EpochLoop loop;
    private final EpochCosine learningRate;
    private final EmaTrainingListener ema;
    private final BatchLosses losses;
    private final FusedAdamW optimizer;
    private final CheckpointListener checkpoints;
    private final EpochClock clock = new EpochClock();

    SeedRun(int seed, Cifar10Options options, Cifar10Data data, RunFolder folder, Terminal terminal)
            throws IOException {
        this.seed = seed;
        this.options = options;
        this.data = data;
        this.folder = folder;
        this.terminal = terminal;
        Engine.getInstance().setRandomSeed(seed);
        model = Model.newInstance("cifar10", options.run().device());
        model.setBlock(TutorialNet.create());
        manager = model.getNDManager().newSubManager();
        ResumableSampler sampler = ResumableSampler.shuffled(options.batchSize());
        training = Cifar10Dataset.of(manager, data, Dataset.Usage.TRAIN, sampler);
        test = Cifar10Dataset.of(manager, data, Dataset.Usage.TEST, EVALUATION_BATCH, false);
        loop = new EpochLoop(seed, options, training, terminal, clock, REPORT_EVERY);
        learningRate = options.learningRate(loop.batches());
        ema = EmaTrainingListener.builder().setSchedule(options.schedule()).build();
        losses = new BatchLosses(ema);
        optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker(learningRate)
                        .optWeightDecay(options.weightDecay())
                        .build();
        checkpoints =
                options.run()
                        .checkpoints()
                        .listener(folder.checkpoints(seed))
                        .optPart("averages", ema)
                        .setOptimizer(optimizer)
                        .optSampler(sampler)
                        .optSettings(options.settings(loop.batches(), seed, data))
                        .optPart("log", new LogPosition(folder.log()))
                        .optPart("losses", losses)
                        .optPart("clock", clock)
                        .build();
    }

    @Override
    public void observe(AfterStep observer) {
        ema.addAfterStep(observer);
    }

    @Override
    public boolean run(Path models) throws IOException, TranslateException {
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                        .optOptimizer(optimizer)
                        .optDevices(new Device[] {manager.getDevice()})
                        .addTrainingListeners(ema, losses, checkpoints);
        Comparison comparison = null;
        try (Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1, 3, 32, 32));
            Progress done = checkpoints.resume(trainer);
            folder.begin(seed, done, clock.seconds());
            loop.begin(done.step());
            int batch = Math.toIntExact(done.batch());
            int epoch = Math.toIntExact(done.epoch());
            while (++epoch <= options.epochs()) {
                loop.train(trainer, epoch, batch, this::report);
                losses.reset();
                batch = 0;
                comparison = evaluate(trainer, epoch);
                trainer.notifyListeners(listener -> listener.onEpoch(trainer));
            }
            if (comparison == null) {
                comparison = compare(trainer);
            }
        }
        return !checkpoints.isTerminated() && end(models, comparison);
    }

    /** The line about the end comes last, so that a seed which has it has everything. */
    private boolean end(Path models, Comparison comparison) throws IOException {
        model.setProperty("Epoch", Integer.toString(options.epochs()));
        model.save(models, "online");
        ema.save(models, "ema");
        folder.log().append(comparison.event(seed, data));
        return true;
    }

    private void report(int epoch, int batch, double imagesPerSecond) throws IOException {
        folder.log()
                .append(
                        new RunEvent.Batch(
                                seed,
                                epoch,
                                batch,
                                loop.step(),
                                losses.online(),
                                losses.averaged(),
                                ema.average().decay(),
                                ema.average().distance(),
                                (double) learningRate.getNewValue(loop.step()),
                                imagesPerSecond,
                                Environment.residentMb(),
                                Environment.heapMb()));
        terminal.println(
                String.format(
                        Locale.ROOT,
                        "epoch %2d  batch %4d/%d  loss %.4f  EMA loss %.4f  %,.0f images/s",
                        epoch,
                        batch,
                        loop.batches(),
                        losses.online(),
                        losses.averaged(),
                        imagesPerSecond));
        losses.reset();
    }

    private Comparison compare(Trainer trainer) throws IOException, TranslateException {
        int size = Math.toIntExact(test.size());
        return new Comparison(
                TestPredictions.of(trainer.getManager(), test, size, trainer::evaluate),
                TestPredictions.of(trainer.getManager(), test, size, ema::forward));
    }

    private Comparison evaluate(Trainer trainer, int epoch) throws IOException, TranslateException {
        long begin = System.nanoTime();
        Comparison comparison = compare(trainer);
        RunEvent.Evaluation online = comparison.online();
        RunEvent.Evaluation averaged = comparison.averaged();
        folder.log()
                .append(
                        new RunEvent.Epoch(
                                seed,
                                epoch,
                                loop.step(),
                                clock.seconds(),
                                seconds(begin, System.nanoTime()),
                                online,
                                averaged,
                                ema.average().decay(),
                                ema.average().distance(),
                                Environment.residentMb(),
                                Environment.heapMb()));
        terminal.println(
                String.format(
                        Locale.ROOT,
                        "epoch %2d  test  online %.2f %% (loss %.4f)  EMA %.2f %% (loss %.4f)"
                                + "  %.1f s",
                        epoch,
                        100 * online.accuracy(),
                        online.loss(),
                        100 * averaged.accuracy(),
                        averaged.loss(),
                        clock.seconds()));
        clock.reset();
        return comparison;
    }

    private static double seconds(long begin, long end) {
        return (end - begin) / 1e9;
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
