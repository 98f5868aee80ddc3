// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.BatchSampler;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.dataset.SequenceSampler;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.CheckpointListener;
import dev.penumbra.checkpoint.Progress;
import dev.penumbra.checkpoint.ResumableSampler;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.ImageData;
import dev.penumbra.examples.report.VaeEvent;
import dev.penumbra.examples.run.EpochClock;
import dev.penumbra.examples.run.EpochLoop;
import dev.penumbra.examples.run.LogPosition;
import dev.penumbra.examples.run.RunFolder;
import dev.penumbra.examples.run.SeedTraining;
import dev.penumbra.torch.FusedAdamW;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.diagnostic.DiagnosticsConfig;
import dev.penumbra.vae.diagnostic.EpochReport.Warning;
import dev.penumbra.vae.diagnostic.StepLosses;
import dev.penumbra.vae.diagnostic.VaeDiagnostics;
import dev.penumbra.vae.loss.VaeLoss;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** The training and evaluation of one seed. */
final class VaeSeedRun implements SeedTraining {

    private static final int EVALUATION_BATCH = 250;
    private static final int REPORT_EVERY = 50;

    private final int seed;
    private final VaeOptions options;
    private final RunFolder folder;
    private final Terminal terminal;
    private final Model model;
    private final AutoencoderKL autoencoder;
    private final NDManager manager;
    private final ArrayDataset training;
    private final ArrayDataset test;
    private final EpochLoop loop;
    private final VaeLoss loss;
    private final KlWindow window;
    private final VaeDiagnostics diagnostics;
    private final EmaTrainingListener ema;
    private final FusedAdamW optimizer;
    private final CheckpointListener checkpoints;
    private final EpochClock clock = new EpochClock();

    VaeSeedRun(int seed, VaeOptions options, ImageData data, RunFolder folder, Terminal terminal)
            throws IOException {
        this.seed = seed;
        this.options = options;
        this.folder = folder;
        this.terminal = terminal;
        Engine.getInstance().setRandomSeed(seed);
        model = Model.newInstance("vae", options.run().device());
        autoencoder = new AutoencoderKL(options.dataset().model());
        model.setBlock(autoencoder);
        manager = model.getNDManager().newSubManager();
        ResumableSampler sampler = ResumableSampler.shuffled(options.batchSize());
        training = data.images(manager, Dataset.Usage.TRAIN, sampler);
        BatchSampler inOrder = new BatchSampler(new SequenceSampler(), EVALUATION_BATCH);
        test = data.images(manager, Dataset.Usage.TEST, inOrder);
        loop = new EpochLoop(seed, options, training, terminal, clock, REPORT_EVERY);
        loss = options.loss(loop.batches());
        window = new KlWindow(loss);
        diagnostics = new VaeDiagnostics(DiagnosticsConfig.defaults(), this::losses);
        ema = EmaTrainingListener.builder().setSchedule(options.schedule()).build();
        optimizer = options.optimizer();
        checkpoints =
                options.run()
                        .checkpoints()
                        .listener(folder.checkpoints(seed))
                        .optPart("averages", ema)
                        .setOptimizer(optimizer)
                        .optSampler(sampler)
                        .optStepSeeds(seed)
                        .optSettings(options.settings(loop.batches(), seed, data))
                        .optPart("log", new LogPosition(folder.log()))
                        .optPart("losses", window)
                        .optPart("loss", loss)
                        .optPart("diagnostics", diagnostics)
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
                new DefaultTrainingConfig(loss)
                        .optOptimizer(optimizer)
                        .optDevices(new Device[] {manager.getDevice()})
                        .addTrainingListeners(window, diagnostics, loss.steps(), ema, checkpoints);
        List<VaeEvent.Picture> pictures;
        try (Trainer trainer = model.newTrainer(config)) {
            trainer.initialize(options.dataset().shape());
            Progress done = checkpoints.resume(trainer);
            folder.begin(seed, done, clock.seconds());
            loop.begin(done.step());
            int batch = Math.toIntExact(done.batch());
            int epoch = Math.toIntExact(done.epoch());
            while (++epoch <= options.epochs()) {
                loop.train(trainer, epoch, batch, this::report);
                window.reset();
                batch = 0;
                evaluate(trainer, epoch);
                trainer.notifyListeners(listener -> listener.onEpoch(trainer));
            }
            pictures = pictures(trainer);
        }
        return !checkpoints.isTerminated() && end(models, pictures);
    }

    private StepLosses losses() {
        return new StepLosses(loss.latest().reconstruction(), loss.latest().kl());
    }

    /** The line about the end comes last, so that a seed which has it has everything. */
    private boolean end(Path models, List<VaeEvent.Picture> pictures) throws IOException {
        model.setProperty("Epoch", Integer.toString(options.epochs()));
        model.save(models, "online");
        ema.save(models, "ema");
        folder.log().append(new VaeEvent.SeedEnded(seed, pictures));
        return true;
    }

    private void report(int epoch, int batch, double imagesPerSecond) throws IOException {
        double weight = loss.latest().klWeight();
        folder.log()
                .append(
                        new VaeEvent.Batch(
                                seed,
                                epoch,
                                batch,
                                loop.step(),
                                window.reconstruction(),
                                window.kl(),
                                weight,
                                ema.average().decay(),
                                ema.average().distance(),
                                imagesPerSecond,
                                Environment.residentMb()));
        terminal.println(
                String.format(
                        Locale.ROOT,
                        "epoch %2d  batch %4d/%d  reconstruction %.1f  KL %.1f (weight %.4f)"
                                + "  %,.0f images/s",
                        epoch,
                        batch,
                        loop.batches(),
                        window.reconstruction(),
                        window.kl(),
                        weight,
                        imagesPerSecond));
        window.reset();
    }

    private Weights online(NDManager scope) {
        return new Weights(autoencoder, new ParameterStore(scope, false));
    }

    private Weights averaged(NDManager scope) {
        return new Weights(autoencoder, ema.average().parameterStore(scope));
    }

    private void evaluate(Trainer trainer, int epoch) throws IOException, TranslateException {
        long begin = System.nanoTime();
        VaeEvent.Evaluation online = TestScores.of(trainer.getManager(), test, this::online);
        VaeEvent.Evaluation averaged = TestScores.of(trainer.getManager(), test, this::averaged);
        folder.log()
                .append(
                        new VaeEvent.Epoch(
                                seed,
                                epoch,
                                loop.step(),
                                clock.seconds(),
                                (System.nanoTime() - begin) / 1e9,
                                online,
                                averaged,
                                diagnostics.report().running().warnings().stream()
                                        .map(Warning::message)
                                        .toList(),
                                window.deviation(),
                                ema.average().decay(),
                                ema.average().distance(),
                                Environment.residentMb()));
        terminal.println(
                String.format(
                        Locale.ROOT,
                        "epoch %2d  test  online %.2f dB (SSIM %.4f)  EMA %.2f dB (SSIM %.4f)"
                                + "  %.1f s",
                        epoch,
                        online.psnr(),
                        online.ssim(),
                        averaged.psnr(),
                        averaged.ssim(),
                        clock.seconds()));
        clock.reset();
    }

    private List<VaeEvent.Picture> pictures(Trainer trainer)
            throws IOException, TranslateException {
        try (NDManager scope = trainer.getManager().newSubManager();
                Batch batch = test.getData(scope).iterator().next()) {
            Weights online = online(batch.getManager());
            Weights averaged = averaged(batch.getManager());
            return new Pictures(batch.getData().singletonOrThrow(), online, averaged).all();
        }
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
