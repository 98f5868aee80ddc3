// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.engine.Engine;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import ai.djl.training.optimizer.Optimizer;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.State;
import dev.penumbra.state.Stateful;
import dev.penumbra.torch.OptimizerState;
import dev.penumbra.torch.TorchRandom;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A training listener that saves checkpoints, from which the training goes on as if it had never
 * stopped: bit for bit on one thread, with averages, optimizer, random numbers and the position in
 * the shuffled data.
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
 * <p>A checkpoint is saved right after an optimizer step and its averaging, or at the end of an
 * epoch. A loop of one's own tells the trainer of each epoch, {@code trainer.notifyListeners(l ->
 * l.onEpoch(trainer))}. What fails is thrown at the next step, from {@code trainer.step()}, as an
 * {@link UncheckedIOException}; the training is as it was and can go on.
 *
 * <p>What the trainer's evaluators have accumulated within an epoch is not kept: after a resume in
 * the middle of an epoch its training accuracy is that of the rest. One device only.
 */
public final class CheckpointListener extends TrainingListenerAdapter implements AutoCloseable {

    static final String RANDOM = "random";

    private final Optimizer optimizer;
    private final CheckpointFolder folder;
    private final Triggers triggers;
    private final Map<String, String> settings;
    private final Map<String, TrainingPart> trainingParts;
    private final Map<String, Stateful> programParts;
    private final RandomPart random;
    private final @Nullable BestScores best;
    private final Saver saver;
    private final boolean terminating;
    private @Nullable Termination termination;
    private final StepObserver steps = new Steps();
    private boolean terminated;
    private WeakReference<Trainer> trainer = new WeakReference<>(null);
    private boolean bestKnown;
    private long step;
    private long epoch;
    private long batch;
    private long latest = System.nanoTime();
    private Duration pause = Duration.ZERO;

    CheckpointListener(CheckpointListenerBuilder builder) {
        folder = new CheckpointFolder(builder.folder());
        optimizer = builder.optimizer();
        triggers = builder.triggers();
        settings = builder.settings();
        trainingParts = builder.trainingParts();
        programParts = builder.programParts();
        random = new RandomPart(builder.sampler(), builder.seed(), () -> batch);
        best = builder.best();
        saver = new Saver(folder, builder.retention(), builder.isBackground());
        terminating = builder.isTerminating();
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
        if (OptimizerSteps.of(trainer).has(steps)) {
            stopListening();
            throw new IllegalStateException(
                    "The CheckpointListener must be in the TrainingConfig once, got it twice");
        }
        this.trainer = new WeakReference<>(trainer);
        OptimizerSteps.of(trainer).add(steps);
        if (terminating && termination == null) {
            termination = Termination.listen();
        }
    }

    /**
     * Goes on from the newest checkpoint of the folder, or begins if there is none. Call it once,
     * after {@code trainer.initialize(...)} and before the first step.
     *
     * @param trainer the trainer
     * @return how far the training has come
     * @throws CheckpointException if the checkpoint is damaged, or belongs to another training; the
     *     message tells every difference, and nothing has been changed
     * @throws IOException if the checkpoint cannot be read or the folder cannot be written
     */
    public Progress resume(Trainer trainer) throws IOException {
        requireParts(trainer);
        folder.open();
        Checkpoint newest = NewestCheckpoint.of(folder);
        if (newest == null) {
            begin(Progress.START);
            return Progress.START;
        }
        return restore(trainer, newest);
    }

    /**
     * Goes on from a chosen checkpoint.
     *
     * @param trainer the trainer
     * @param checkpoint the checkpoint, of this folder or another
     * @return how far the training has come
     * @throws CheckpointException as {@link #resume(Trainer)}
     * @throws IOException if it cannot be read or the folder cannot be written
     */
    public Progress resume(Trainer trainer, Checkpoint checkpoint) throws IOException {
        requireParts(trainer);
        folder.open();
        checkpoint.verify();
        return restore(trainer, checkpoint);
    }

    /** What was forgotten in the configuration is told at once. */
    private void requireParts(Trainer trainer) {
        if (!OptimizerSteps.of(trainer).has(steps)) {
            throw new IllegalStateException(
                    "The CheckpointListener must be part of the training: add it to the"
                            + " TrainingConfig before newTrainer");
        }
        trainingParts.values().forEach(part -> part.requireIn(trainer));
    }

    private Progress restore(Trainer trainer, Checkpoint checkpoint) throws IOException {
        List<String> large = new ArrayList<>(List.of(Checkpoint.MODEL, Checkpoint.OPTIMIZER));
        large.addAll(trainingParts.keySet());
        Restoration.run(checkpoint, parts(trainer), large, settings, versions());
        begin(checkpoint.info().progress());
        return checkpoint.info().progress();
    }

    private void begin(Progress progress) throws IOException {
        step = progress.step();
        epoch = progress.epoch();
        batch = progress.batch();
        rememberBest();
        seed(progress.step());
        latest = System.nanoTime();
    }

    private void rememberBest() throws IOException {
        if (best != null) {
            best.remember(folder.bestScores(best.order()));
            bestKnown = true;
        }
    }

    private void seed(long step) {
        Long seed = random.seed();
        if (seed != null) {
            TorchRandom.seed(seed, step);
        }
    }

    private Map<String, Stateful> parts(Trainer trainer) {
        Map<String, Stateful> parts = new LinkedHashMap<>();
        parts.put(Checkpoint.MODEL, new ModelState(trainer.getModel().getBlock()));
        parts.put(
                Checkpoint.OPTIMIZER, OptimizerState.of(optimizer, trainer.getModel().getBlock()));
        trainingParts.forEach((name, part) -> parts.put(name, part.state(trainer)));
        parts.put(RANDOM, random);
        parts.putAll(programParts);
        return parts;
    }

    private static Map<String, String> versions() {
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("djl", Engine.getDjlVersion());
        versions.put("pytorch", Engine.getEngine("PyTorch").getVersion());
        versions.put("java", Runtime.version().toString());
        return versions;
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        batch++;
    }

    /** What happens around each step. */
    private final class Steps implements StepObserver {

        @Override
        public void checkStep(Trainer trainer) {
            if (step == 0) {
                requireParts(trainer);
            }
        }

        @Override
        public void afterStep(Trainer trainer) {
            step++;
        }

        @Override
        public void onStepEnd(Trainer trainer) {
            CheckpointListener.this.onStepEnd();
        }
    }

    private void onStepEnd() {
        seed(step);
        try {
            if (isTerminated() || triggers.isDueAtStep(step, System.nanoTime() - latest)) {
                save(Map.of());
            } else {
                saver.check();
            }
            exitIfTerminated();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void onValidationBatch(Trainer trainer, BatchData batchData) {
        if (isTerminated()) {
            try {
                save(Map.of());
                exitIfTerminated();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @Override
    public void onEpoch(Trainer trainer) {
        epoch++;
        batch = 0;
        try {
            Map<String, Float> scores = scores(trainer);
            boolean improved = best != null && best.improve(scores);
            if (improved || isTerminated() || triggers.isDueAtEpoch(epoch)) {
                save(scores);
            } else {
                saver.check();
            }
            exitIfTerminated();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Map<String, Float> scores(Trainer trainer) throws IOException {
        if (best == null) {
            return Map.of();
        }
        if (!bestKnown) {
            rememberBest();
        }
        try {
            return best.evaluate(trainer, trainingParts.values());
        } catch (TranslateException e) {
            throw new IOException("Cannot validate at the end of epoch " + epoch, e);
        }
    }

    /**
     * Saves a checkpoint of the training as it is; between two steps only.
     *
     * @throws CheckpointException if it, or the one before it, cannot be saved
     * @throws IllegalStateException if no trainer is open
     */
    public void save() throws IOException {
        save(Map.of());
    }

    private void save(Map<String, Float> scores) throws IOException {
        Trainer current = trainer.get();
        if (current == null) {
            throw new IllegalStateException(
                    "No trainer is open: add the listener to a TrainingConfig before newTrainer");
        }
        long begin = System.nanoTime();
        Map<String, State> states = new LinkedHashMap<>();
        parts(current).forEach((name, part) -> states.put(name, part.state()));
        Map<String, Map<String, String>> values = new LinkedHashMap<>();
        states.forEach((name, state) -> values.put(name, state.values()));
        Progress progress = new Progress(epoch, batch, step);
        CheckpointInfo info =
                new CheckpointInfo(
                        progress, Instant.now().toString(), versions(), settings, scores, values);
        saver.save(info, states);
        latest = System.nanoTime();
        pause = Duration.ofNanos(latest - begin);
    }

    /**
     * Tells whether SIGTERM has come during a training, also one that has ended. Within the
     * training the next step, validation batch or end of an epoch saves and exits; after its last
     * epoch the signal is left to the program, which reads it here.
     *
     * @return whether it has come; false without {@link CheckpointListenerBuilder#optTerminate}
     */
    public boolean isTerminated() {
        return terminated || (termination != null && termination.isRequested());
    }

    private void exitIfTerminated() throws IOException {
        if (isTerminated()) {
            saver.await();
            System.exit(0);
        }
    }

    /**
     * Waits until the latest checkpoint is on disk.
     *
     * @throws CheckpointException if it cannot be saved
     */
    public void await() throws IOException {
        saver.await();
    }

    /**
     * Returns how long the latest save has held up the training.
     *
     * @return the time
     */
    public Duration lastPause() {
        return pause;
    }

    /**
     * Returns the checkpoints.
     *
     * @return the folder, which stays this listener's
     */
    public CheckpointFolder folder() {
        return folder;
    }

    @Override
    public void onTrainingEnd(Trainer trainer) {
        OptimizerSteps.of(trainer).remove(steps);
        if (this.trainer.get() != trainer) {
            return; // The end of another trainer, or of one that is closed again.
        }
        this.trainer = new WeakReference<>(null);
        stopListening();
        try {
            saver.await();
            folder.close(); // Another training may write to it now.
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void stopListening() {
        Termination listening = termination;
        if (listening != null) {
            termination = null;
            listening.close();
            terminated = listening.isRequested();
        }
    }

    /**
     * Waits for the latest checkpoint and frees the copies and the folder.
     *
     * @throws CheckpointException if the latest checkpoint cannot be saved
     */
    @Override
    public void close() throws IOException {
        saver.close();
    }
}
