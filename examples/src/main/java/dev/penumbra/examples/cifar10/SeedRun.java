// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.loss.Loss;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Dataset;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.report.RunLog;
import dev.penumbra.torch.FusedAdamW;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;

/** The training and evaluation of one seed. */
final class SeedRun implements AutoCloseable {

    private static final int EVALUATION_BATCH = 1000;
    private static final int REPORT_EVERY = 200;

    private final int seed;
    private final Cifar10Options options;
    private final Cifar10Data data;
    private final RunLog log;
    private final Terminal terminal;
    private final Model model;
    private final NDManager manager;
    private final ArrayDataset training;
    private final ArrayDataset test;
    private final int batches;
    private final EpochCosine learningRate;
    private final EmaTrainingListener ema;
    private final BatchLosses losses;
    private final FusedAdamW optimizer;
    private long step;

    SeedRun(
            int seed,
            Cifar10Options options,
            Cifar10Data data,
            RunLog log,
            Terminal terminal,
            Device device)
            throws IOException {
        this.seed = seed;
        this.options = options;
        this.data = data;
        this.log = log;
        this.terminal = terminal;
        Engine.getInstance().setRandomSeed(seed);
        model = Model.newInstance("cifar10", device);
        model.setBlock(TutorialNet.create());
        manager = model.getNDManager().newSubManager();
        training = dataset(Dataset.Usage.TRAIN, options.batchSize(), true);
        test = dataset(Dataset.Usage.TEST, EVALUATION_BATCH, false);
        batches = batches(training, options.batchSize());
        learningRate = options.learningRate(batches);
        ema = EmaTrainingListener.builder().setSchedule(options.schedule()).build();
        losses = new BatchLosses(ema);
        optimizer =
                FusedAdamW.builder()
                        .optLearningRateTracker(learningRate)
                        .optWeightDecay(options.weightDecay())
                        .build();
    }

    private ArrayDataset dataset(Dataset.Usage usage, int batchSize, boolean shuffle)
            throws IOException {
        return Cifar10Dataset.of(manager, data, usage, batchSize, shuffle);
    }

    private static int batches(ArrayDataset dataset, int batchSize) {
        return Math.toIntExact(1 + (dataset.size() - 1) / batchSize);
    }

    /** Trains all epochs, evaluating after each, and saves both models into the folder. */
    void run(Path folder) throws IOException, TranslateException {
        log.append(new RunEvent.SeedStarted(seed));
        DefaultTrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                        .optOptimizer(optimizer)
                        .optDevices(new Device[] {manager.getDevice()})
                        .addTrainingListeners(ema, losses);
        try (Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(new Shape(1, 3, 32, 32));
            for (int epoch = 1; epoch <= options.epochs(); epoch++) {
                double seconds = train(trainer, epoch);
                evaluate(trainer, epoch, seconds);
            }
        }
        model.setProperty("Epoch", Integer.toString(options.epochs()));
        model.save(folder, "online");
        ema.save(folder, "ema");
    }

    private double train(Trainer trainer, int epoch) throws IOException, TranslateException {
        String task = "seed %d, epoch %d/%d".formatted(seed, epoch, options.epochs());
        terminal.start(task, batches, "batches");
        long begin = System.nanoTime();
        long last = begin;
        int done = 0;
        for (Batch batch : trainer.iterateDataset(training)) {
            EasyTrain.trainBatch(trainer, batch);
            trainer.step();
            batch.close();
            step++;
            terminal.advance(1);
            if (++done % REPORT_EVERY == 0) {
                long now = System.nanoTime();
                report(epoch, done, REPORT_EVERY * options.batchSize() / seconds(last, now));
                last = now;
            }
        }
        double seconds = seconds(begin, System.nanoTime());
        terminal.close();
        losses.reset();
        return seconds;
    }

    private void report(int epoch, int batch, double imagesPerSecond) throws IOException {
        log.append(
                new RunEvent.Batch(
                        seed,
                        epoch,
                        batch,
                        Math.toIntExact(step),
                        losses.online(),
                        losses.averaged(),
                        ema.average().decay(),
                        ema.average().distance(),
                        (double) learningRate.getNewValue(Math.toIntExact(step)),
                        imagesPerSecond,
                        Environment.residentMb(),
                        Environment.heapMb()));
        terminal.println(
                String.format(
                        Locale.ROOT,
                        "epoch %2d  batch %4d/%d  loss %.4f  EMA loss %.4f  %,.0f images/s",
                        epoch,
                        batch,
                        batches,
                        losses.online(),
                        losses.averaged(),
                        imagesPerSecond));
        losses.reset();
    }

    private void evaluate(Trainer trainer, int epoch, double seconds)
            throws IOException, TranslateException {
        long begin = System.nanoTime();
        int size = Math.toIntExact(test.size());
        TestPredictions online =
                TestPredictions.of(trainer.getManager(), test, size, trainer::evaluate);
        TestPredictions averaged =
                TestPredictions.of(trainer.getManager(), test, size, ema::forward);
        log.append(
                new RunEvent.Epoch(
                        seed,
                        epoch,
                        Math.toIntExact(step),
                        seconds,
                        seconds(begin, System.nanoTime()),
                        new RunEvent.Evaluation(online.accuracy(), online.loss()),
                        new RunEvent.Evaluation(averaged.accuracy(), averaged.loss()),
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
                        seconds));
        if (epoch == options.epochs()) {
            log.append(new Comparison(online, averaged).event(seed, data));
        }
    }

    private static double seconds(long begin, long end) {
        return (end - begin) / 1e9;
    }

    @Override
    public void close() {
        ema.close();
        optimizer.close();
        model.close();
    }
}
