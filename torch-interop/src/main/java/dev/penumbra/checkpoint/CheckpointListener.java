// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.nn.Block;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A training listener that saves checkpoints, from which the training goes on as if it had never
 * stopped: bit for bit on one thread, with optimizer, random numbers, the position in the shuffled
 * data, and parts such as averages of the weights.
 *
 * <pre>{@code
 * ResumableSampler sampler = ResumableSampler.shuffled(64); // of the training data
 * CheckpointListener checkpoints =
 *         CheckpointListener.builder()
 *                 .setFolder(folder)
 *                 .setOptimizer(optimizer)
 *                 .optPart("averages", ema)
 *                 .optSampler(sampler)
 *                 .build();
 * config.addTrainingListeners(ema, checkpoints);
 * ...
 * trainer.initialize(inputShape);
 * Progress done = checkpoints.resume(trainer); // does nothing the first time
 * EasyTrain.fit(trainer, epochs - (int) done.epoch(), training, validation);
 * }</pre>
 *
 * <p>A checkpoint is saved right after an optimizer step, once every {@link StepObserver} has dealt
 * with it, or at the end of an epoch. A loop of one's own tells the trainer of each epoch, {@code
 * trainer.notifyListeners(l -> l.onEpoch(trainer))}. What fails is thrown at the next step, from
 * {@code trainer.step()}, as an {@link UncheckedIOException}; the training is as it was and can go
 * on.
 *
 * <p>The listener takes what it needs, the folder above all, when a trainer resumes, takes its
 * first step or is saved first, and gives it back when that trainer is closed. So it can go on with
 * another trainer, and another listener can go on in the same folder. Several listeners serve
 * several trainers that take steps in turn, with a folder each.
 *
 * <p>What the trainer's evaluators have accumulated within an epoch is not kept: after a resume in
 * the middle of an epoch its training accuracy is that of the rest. One device only.
 */
public final class CheckpointListener extends TrainingListenerAdapter implements AutoCloseable {

    private final CheckpointFolder folder;
    private final SavedTraining training;
    private final StepObserver steps = new Steps();
    private WeakReference<Trainer> latestTrainer = new WeakReference<>(null);
    private WeakReference<Block> latestBlock = new WeakReference<>(null);
    private volatile @Nullable TrainingSession session;
    private volatile boolean terminated;

    CheckpointListener(CheckpointListenerBuilder builder) {
        folder = new CheckpointFolder(builder.folder());
        training = new SavedTraining(folder, builder);
    }

    /**
     * Creates a builder.
     *
     * @return the builder
     */
    public static CheckpointListenerBuilder builder() {
        return new CheckpointListenerBuilder();
    }

    @Override
    public void onTrainingBegin(Trainer trainer) {
        requireOnce(trainer);
        OptimizerSteps.of(trainer).add(steps);
        latestTrainer = new WeakReference<>(trainer);
    }

    private void requireOnce(Trainer trainer) {
        int[] times = {0};
        trainer.notifyListeners(listener -> times[0] += listener == this ? 1 : 0);
        if (times[0] > 1) {
            throw new IllegalStateException(
                    "The CheckpointListener must be in the TrainingConfig once, got "
                            + times[0]
                            + " times: create a new TrainingConfig for each trainer");
        }
    }

    private void requireIn(Trainer trainer) {
        if (!OptimizerSteps.of(trainer).has(steps)) {
            throw new IllegalStateException(
                    "The CheckpointListener must be part of the training: add it to the"
                            + " TrainingConfig before newTrainer");
        }
        training.parts().requireIn(trainer);
    }

    /**
     * Goes on from the newest checkpoint of the folder, or begins if there is none. Call it once,
     * after {@code trainer.initialize(...)} and before the first step.
     *
     * <p>Where the newest checkpoint is damaged, the log says so, and the training goes on from the
     * newest one that is whole, unless {@link CheckpointListenerBuilder#optRefuseDamaged} was
     * called.
     *
     * @param trainer the trainer
     * @return how far the training has come
     * @throws CheckpointException if no checkpoint is whole, the folder has checkpoints of several
     *     runs, or the newest whole one belongs to another training; the message tells every
     *     difference, and nothing has been changed
     * @throws IOException if the checkpoint cannot be read or the folder cannot be written
     * @throws IllegalStateException if the model has no weights yet, this listener or that of a
     *     part is not in the trainer's configuration, or the optimizer is another one than the
     *     trainer's
     */
    public Progress resume(Trainer trainer) throws IOException {
        return resuming(trainer, () -> training.resume(trainer));
    }

    /**
     * Goes on from a chosen checkpoint: one of this folder, or one of another folder if this one
     * has none.
     *
     * @param trainer the trainer
     * @param checkpoint the checkpoint
     * @return how far the training has come
     * @throws CheckpointException as {@link #resume(Trainer)}
     * @throws IOException if it cannot be read or the folder cannot be written
     * @throws IllegalStateException as {@link #resume(Trainer)}
     */
    public Progress resume(Trainer trainer, Checkpoint checkpoint) throws IOException {
        return resuming(trainer, () -> training.resume(trainer, checkpoint));
    }

    private Progress resuming(Trainer trainer, TrainingSession.Work<Progress> resume)
            throws IOException {
        requireOnce(trainer);
        requireIn(trainer);
        boolean beginning = current() == null;
        TrainingSession begun = open(trainer);
        try {
            Progress progress = begun.run(resume);
            begun.markSaved();
            return progress;
        } catch (IOException | RuntimeException e) {
            if (beginning) {
                end(begun);
            }
            throw e;
        }
    }

    /** The session of a trainer, which begins one if it has not resumed. */
    private TrainingSession use(Trainer trainer) throws IOException {
        TrainingSession current = current();
        if (current != null && current.isOf(trainer)) {
            return current;
        }
        Block before = latestBlock.get();
        if (training.hasBegun() && before != null && before != trainer.getModel().getBlock()) {
            throw new IllegalStateException(
                    "The CheckpointListener has saved another model: call resume(trainer) before"
                            + " the first step, or create one listener for each model");
        }
        requireIn(trainer);
        TrainingSession begun = open(trainer);
        if (current == null) {
            try {
                training.goOn();
            } catch (IOException | RuntimeException e) {
                end(begun);
                throw e;
            }
        }
        return begun;
    }

    private @Nullable TrainingSession current() {
        TrainingSession current = session;
        return current != null && current.isOpen() ? current : null;
    }

    private TrainingSession open(Trainer trainer) throws IOException {
        TrainingSession current = current();
        if (current == null) {
            current = TrainingSession.begin(trainer, folder, training.config());
            session = current;
        } else {
            current.moveTo(trainer);
        }
        latestTrainer = new WeakReference<>(trainer);
        latestBlock = new WeakReference<>(trainer.getModel().getBlock());
        return current;
    }

    /** What happens around each step of each trainer. */
    private final class Steps implements StepObserver {

        @Override
        public void checkStep(Trainer trainer) {
            try {
                requireOnce(trainer);
                use(trainer);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void afterStep(Trainer trainer) {
            training.stepTaken();
            TrainingSession current = session;
            if (current != null) {
                current.heard(true);
            }
        }

        @Override
        public void onStepEnd(Trainer trainer) {
            training.seed();
            react(trainer, training.isDueAtStep(), Map.of());
        }
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        training.batchTrained();
    }

    @Override
    public void onValidationBatch(Trainer trainer, BatchData batchData) {
        TrainingSession current = session;
        if (current != null && current.isOf(trainer)) {
            current.heard(false);
            if (isTerminated()) {
                react(trainer, true, Map.of());
            }
        }
    }

    @Override
    public void onEpoch(Trainer trainer) {
        training.epochEnded();
        try {
            TrainingSession current = use(trainer);
            Map<String, Float> scores =
                    isTerminated() ? Map.of() : current.run(() -> training.rate(trainer));
            boolean improved = training.improve(scores);
            react(trainer, improved || training.isDueAtEpoch(), scores);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Saves if it is time to, and ends the process if that is wished. */
    private void react(Trainer trainer, boolean due, Map<String, Float> scores) {
        try {
            TrainingSession current = use(trainer);
            boolean ending = isTerminated();
            if (due || ending) {
                save(trainer, scores);
            } else {
                current.saver().check();
            }
            if (ending) {
                current.run(
                        () -> {
                            current.saver().await();
                            return scores;
                        });
                Termination.exitIfAllSaved();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Saves a checkpoint of the training as it is; between two steps only.
     *
     * @throws CheckpointException if it, or the one before it, cannot be saved
     * @throws IllegalStateException if no trainer is open
     */
    public void save() throws IOException {
        Trainer trainer = latestTrainer.get();
        if (trainer == null || !trainer.getManager().isOpen()) {
            throw new IllegalStateException(
                    "No trainer is open: add the listener to a TrainingConfig before newTrainer");
        }
        save(trainer, Map.of());
    }

    private void save(Trainer trainer, Map<String, Float> scores) throws IOException {
        TrainingSession current = use(trainer);
        current.run(
                () -> {
                    training.save(trainer, current.saver(), scores);
                    return scores;
                });
        current.markSaved();
    }

    /**
     * Tells whether SIGTERM has come during a training, also one that has ended. Within the
     * training the next step, validation batch or end of an epoch saves and exits; after its last
     * epoch the signal is left to the program, which reads it here.
     *
     * @return whether it has come; false without {@link CheckpointListenerBuilder#optTerminate}
     */
    public boolean isTerminated() {
        TrainingSession current = session;
        return terminated || (current != null && current.isTerminated());
    }

    /**
     * Waits until the latest checkpoint is on disk.
     *
     * @throws CheckpointException if it cannot be saved
     */
    public void await() throws IOException {
        TrainingSession current = session;
        if (current != null) {
            current.saver().await();
        }
    }

    /**
     * Returns how long the latest save has held up the training.
     *
     * @return the time
     */
    public Duration lastPause() {
        return training.lastPause();
    }

    /**
     * Returns the checkpoints.
     *
     * @return the folder, which stays this listener's
     */
    public CheckpointFolder folder() {
        return folder;
    }

    /** Ends what the trainer has begun; of another trainer, or one that has gone, nothing is. */
    @Override
    public void onTrainingEnd(Trainer trainer) {
        OptimizerSteps.of(trainer).remove(steps);
        TrainingSession current = session;
        if (current != null && current.isOf(trainer)) {
            try {
                end(current);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    private void end(TrainingSession current) throws IOException {
        session = null;
        try {
            current.close();
        } finally {
            terminated |= current.isTerminated();
        }
    }

    /**
     * Waits for the latest checkpoint and gives everything back that a trainer has begun.
     *
     * @throws CheckpointException if the latest checkpoint cannot be saved
     */
    @Override
    public void close() throws IOException {
        TrainingSession current = session;
        if (current != null) {
            end(current);
        }
    }
}
