// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Batch;
import ai.djl.translate.TranslateException;
import dev.penumbra.examples.Terminal;
import java.io.IOException;

/** The training of a seed, epoch by epoch, with reports within the epochs. */
public final class EpochLoop {

    private final int seed;
    private final int epochs;
    private final int batchSize;
    private final ArrayDataset training;
    private final Terminal terminal;
    private final EpochClock clock;
    private final int reportEvery;
    private long step;

    /** What reports on the batches since the one before. */
    public interface Reporter {

        /**
         * Reports.
         *
         * @param epoch the epoch, from 1
         * @param batch the batches of the epoch that are done
         * @param imagesPerSecond the speed since the report before
         */
        void report(int epoch, int batch, double imagesPerSecond) throws IOException;
    }

    /**
     * Makes the loop.
     *
     * @param seed the seed
     * @param options how it trains
     * @param training the images
     * @param terminal shows how far it is
     * @param clock measures the training of an epoch
     * @param reportEvery the batches from one report to the next
     */
    public EpochLoop(
            int seed,
            RecipeOptions options,
            ArrayDataset training,
            Terminal terminal,
            EpochClock clock,
            int reportEvery) {
        this.seed = seed;
        this.epochs = options.epochs();
        this.batchSize = options.batchSize();
        this.training = training;
        this.terminal = terminal;
        this.clock = clock;
        this.reportEvery = reportEvery;
    }

    /** The batches of an epoch. */
    public int batches() {
        return Math.toIntExact(1 + (training.size() - 1) / batchSize);
    }

    /** The optimizer steps that are done. */
    public int step() {
        return Math.toIntExact(step);
    }

    /** Begins after so many steps. */
    public void begin(long done) {
        step = done;
    }

    /**
     * Trains what is left of an epoch.
     *
     * @param trainer the trainer
     * @param epoch the epoch, from 1
     * @param trained its batches that are done
     * @param reporter reports
     * @throws IOException if a report cannot be written or the images cannot be read
     * @throws TranslateException if the images cannot be prepared
     */
    public void train(Trainer trainer, int epoch, int trained, Reporter reporter)
            throws IOException, TranslateException {
        terminal.start("seed %d, epoch %d/%d".formatted(seed, epoch, epochs), batches(), "batches");
        terminal.advance(trained);
        if (trained > 0 && trained % reportEvery == 0) {
            // A checkpoint is saved within the step, before the report that follows it.
            reporter.report(epoch, trained, trained * batchSize / clock.seconds());
        }
        clock.start();
        long last = System.nanoTime();
        int reported = trained;
        int done = trained;
        for (Batch batch : trainer.iterateDataset(training)) {
            EasyTrain.trainBatch(trainer, batch);
            trainer.step();
            batch.close();
            step++;
            terminal.advance(1);
            if (++done % reportEvery == 0) {
                long now = System.nanoTime();
                double images = (double) (done - reported) * batchSize;
                reporter.report(epoch, done, images * 1e9 / (now - last));
                last = now;
                reported = done;
            }
        }
        clock.stop();
        terminal.close();
    }
}
