// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.engine.Engine;
import ai.djl.training.Trainer;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.State;
import dev.penumbra.torch.TorchRandom;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The training that a listener saves: how far it has come, and how that is saved and loaded. */
final class SavedTraining {

    private static final Logger logger = LoggerFactory.getLogger(SavedTraining.class);

    private final CheckpointFolder folder;
    private final CheckpointConfig config;
    private final TrainingParts parts;
    private final EpochPosition position;
    private final @Nullable BestScores best;
    private WeakReference<Trainer> trainer = new WeakReference<>(null);
    private @Nullable String run;
    private long epoch;
    private long step;
    private long latestSave = System.nanoTime();
    private Duration pause = Duration.ZERO;

    SavedTraining(CheckpointFolder folder, CheckpointListenerBuilder builder) {
        this.folder = folder;
        config = builder.config();
        best = builder.best();
        position = new EpochPosition(builder.sampler());
        parts = builder.parts(() -> position.batches(trainer.get()));
    }

    CheckpointConfig config() {
        return config;
    }

    TrainingParts parts() {
        return parts;
    }

    /** Whether a run has begun, of which there may be checkpoints. */
    boolean hasBegun() {
        return run != null;
    }

    /** Goes on from the newest checkpoint that is whole, or begins if there is none. */
    Progress resume(Trainer from) throws IOException {
        NewestCheckpoint newest = NewestCheckpoint.in(folder);
        if (!newest.damaged().isEmpty()) {
            leaveOutDamaged(newest);
        }
        Checkpoint whole = newest.whole();
        return whole == null
                ? begin(newIdentity(), Progress.START)
                : load(from, whole, whole.info().run());
    }

    private void leaveOutDamaged(NewestCheckpoint newest) throws CheckpointException {
        Checkpoint whole = newest.whole();
        if (whole == null || config.refuseDamaged()) {
            throw newest.failure();
        }
        logger.warn(
                "Damaged checkpoints are left out, and the training goes on from {}: {}",
                whole.folder(),
                newest.failure().getMessage());
        folder.markDamaged(newest.damaged().keySet());
    }

    /** Goes on from a checkpoint of this folder, or begins a run with one of another folder. */
    Progress resume(Trainer from, Checkpoint checkpoint) throws IOException {
        checkpoint.verify();
        String own = folder.run();
        if (own != null && !own.equals(checkpoint.info().run())) {
            throw folder.anotherRun();
        }
        return load(from, checkpoint, own == null ? newIdentity() : own);
    }

    private static String newIdentity() {
        return UUID.randomUUID().toString();
    }

    private Progress load(Trainer into, Checkpoint checkpoint, String identity) throws IOException {
        CheckpointLoader.load(
                checkpoint, parts.of(into), parts.independent(), config.settings(), versions());
        return begin(identity, checkpoint.info().progress());
    }

    private Progress begin(String identity, Progress progress) throws IOException {
        run = identity;
        epoch = progress.epoch();
        step = progress.step();
        position.begin(progress.batch());
        rememberBest();
        seed();
        latestSave = System.nanoTime();
        return progress;
    }

    /** Begins, or goes on where the trainer before has ended. */
    void goOn() throws IOException {
        String saved = folder.run();
        if (saved != null && !saved.equals(run)) {
            throw folder.anotherRun();
        }
        if (run == null) {
            run = newIdentity();
        }
        rememberBest();
    }

    private void rememberBest() throws IOException {
        if (best != null) {
            best.remember(folder.bestScores(best.order()));
        }
    }

    private static Map<String, String> versions() {
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("djl", Engine.getDjlVersion());
        versions.put("pytorch", Engine.getEngine("PyTorch").getVersion());
        versions.put("java", Runtime.version().toString());
        return versions;
    }

    /** Counts a batch that the loop has told of. */
    void batchTrained() {
        position.batch();
    }

    /** Counts an optimizer step. */
    void stepTaken() {
        step++;
        position.step();
    }

    /** Counts an epoch. */
    void epochEnded() {
        epoch++;
        position.begin(0);
    }

    /** Seeds the random numbers of the next step. */
    void seed() {
        Long seed = parts.random().seed();
        if (seed != null) {
            TorchRandom.seed(seed, step);
        }
    }

    boolean isDueAtStep() {
        return config.intervals().isDueAtStep(step, System.nanoTime() - latestSave);
    }

    boolean isDueAtEpoch() {
        return config.intervals().isDueAtEpoch(epoch);
    }

    /** Rates all weights that can be rated; empty if that is not wished. */
    Map<String, Float> rate(Trainer rated) throws IOException {
        if (best == null) {
            return Map.of();
        }
        try {
            return best.evaluate(rated, parts.ofTrainer().values());
        } catch (TranslateException e) {
            throw new IOException("Cannot validate at the end of epoch " + epoch, e);
        }
    }

    /** Keeps what is better than before and tells whether there is such a score. */
    boolean improve(Map<String, Float> scores) {
        return best != null && best.improve(scores);
    }

    /** Saves the training of a trainer as it is. */
    void save(Trainer saved, CheckpointSaver saver, Map<String, Float> scores) throws IOException {
        long begin = System.nanoTime();
        trainer = new WeakReference<>(saved);
        Map<String, State> states = new LinkedHashMap<>();
        parts.of(saved).forEach((name, part) -> states.put(name, part.state()));
        Map<String, Map<String, String>> values = new LinkedHashMap<>();
        states.forEach((name, state) -> values.put(name, state.values()));
        CheckpointInfo info =
                new CheckpointInfo(
                        String.valueOf(run),
                        newIdentity(),
                        new Progress(epoch, position.batches(saved), step),
                        Instant.now().toString(),
                        versions(),
                        config.settings(),
                        scores,
                        values);
        saver.save(info, states);
        latestSave = System.nanoTime();
        pause = Duration.ofNanos(latestSave - begin);
    }

    /** How long the latest save has held up the training. */
    Duration lastPause() {
        return pause;
    }
}
