// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.internal.Description;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import dev.penumbra.vae.LogVarClamp;
import dev.penumbra.vae.loss.LossObserver;
import dev.penumbra.vae.loss.VaeLoss;
import java.nio.BufferUnderflowException;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.function.Supplier;

/**
 * A training listener that follows the posteriors of a variational autoencoder and warns of what
 * goes wrong with them.
 *
 * <pre>{@code
 * VaeDiagnostics diagnostics = new VaeDiagnostics(config, () -> latestLosses());
 * trainingConfig.addTrainingListeners(diagnostics);
 * for each epoch
 *     for each batch
 *         forward, loss, backward   -> the moments and the parts of the loss are read
 *         trainer.step()            -> the step is counted
 *                                   -> onEpoch, or endEpoch() in a loop of one's own
 *     diagnostics.report().finished().warnings()
 * }</pre>
 *
 * <p>Moments are read where the trainer's loss is a {@link VaeLoss}, from each of its evaluations
 * for gradients, whatever loop evaluates it; otherwise from the batches that are reported to
 * listeners, as EasyTrain does, whose predictions must be the reconstruction and the moments, as
 * those of {@link dev.penumbra.vae.AutoencoderKL} are. Steps are those of {@link OptimizerSteps}: a
 * step whose gradients come from several batches counts once, with all of its batches. A step of
 * which no batch was seen is refused.
 *
 * <p>Weights move during an epoch, so that its figures are of many models; for those of one, hand
 * the batches of a data set to the {@link #observe} of an instance that listens to no trainer.
 * Validation is not observed. One device only.
 *
 * <p>An encoder that has hardly been trained has nearly the same posterior for all samples: that
 * channels are inactive or collapsed is told of epochs that end with the 32nd step of a trainer or
 * later.
 *
 * <p>The moments are moved to the host once per batch and never kept. Memory is that of a few
 * latents and of the steps in the history, however long the training. An interrupted and resumed
 * training has the same reports as an uninterrupted one, bit for bit.
 */
public final class VaeDiagnostics extends TrainingListenerAdapter implements Stateful {

    private static final String CONFIG = "config";
    private static final String STEP = "step";
    private static final String DATA = "data";

    private final DiagnosticsConfig config;
    private final Supplier<StepLosses> losses;
    private ClampLimits clamp;
    private final StepObserver steps = new Steps();
    private final LossObserver evaluations = this::evaluated;
    private Observations seen;
    private long step;
    private final Set<Trainer> open = Collections.newSetFromMap(new WeakHashMap<>());

    /** Whether the batch that is reported next has been read when its loss was evaluated. */
    private boolean alreadyRead;

    /**
     * Creates diagnostics that have seen nothing.
     *
     * @param config the settings
     * @param losses gives the parts of the loss of the latest batch; unused if every batch is
     *     handed to {@link #observe}
     */
    public VaeDiagnostics(DiagnosticsConfig config, Supplier<StepLosses> losses) {
        this.config = Objects.requireNonNull(config, "config");
        this.losses = Objects.requireNonNull(losses, "losses");
        this.clamp = ClampLimits.of(config.clamp());
        this.seen = new Observations(config);
    }

    /**
     * Takes one batch as a step.
     *
     * @param step the step, at least 0
     * @param moments the means and the log-variances that the model has limited, as it returns
     *     them; (N, 2Z, ...)
     * @param losses the parts of the loss
     * @throws IllegalStateException if this instance listens to a trainer, whose steps it counts
     */
    public void observe(long step, NDArray moments, StepLosses losses) {
        Arguments.requireAtLeast("step", 0, step);
        if (!open.isEmpty()) {
            throw new IllegalStateException(
                    "The diagnostics count the steps of a trainer: make others for batches that"
                            + " are handed over");
        }
        seen.addBatch(step, PosteriorBatch.of(moments, clamp), losses);
        seen.endStep(step, Double.POSITIVE_INFINITY);
    }

    /**
     * Ends the epoch.
     *
     * @return its report
     */
    public EpochReport endEpoch() {
        return seen.endEpoch();
    }

    /**
     * Returns what has been seen.
     *
     * @return the latest steps, the epoch that ended last and the running one
     */
    public DiagnosticsReport report() {
        return seen.report();
    }

    /**
     * Returns the settings.
     *
     * @return the settings
     */
    public DiagnosticsConfig config() {
        return config;
    }

    @Override
    public void onTrainingBegin(Trainer trainer) {
        if (trainer.getDevices().length > 1) {
            throw new IllegalStateException(
                    "devices must be one for diagnostics, got " + trainer.getDevices().length);
        }
        OptimizerSteps.of(trainer).add(steps);
        if (trainer.getLoss() instanceof VaeLoss loss) {
            loss.addObserver(evaluations);
        }
        LogVarClamp ofModel = ClampLimits.find(trainer.getModel().getBlock());
        if (ofModel != null) {
            clamp = ClampLimits.of(ofModel);
        }
        open.add(trainer);
    }

    @Override
    public void onTrainingEnd(Trainer trainer) {
        OptimizerSteps.of(trainer).remove(steps);
        open.remove(trainer);
        boolean shared = open.stream().anyMatch(each -> each.getLoss() == trainer.getLoss());
        if (!shared && trainer.getLoss() instanceof VaeLoss loss) {
            loss.removeObserver(evaluations);
        }
    }

    /** Reads a batch whose loss has been evaluated for gradients. */
    private void evaluated(NDArray moments) {
        read(moments);
        alreadyRead = true;
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        boolean before = alreadyRead;
        alreadyRead = false;
        if (before) {
            return;
        }
        for (NDList predictions : batchData.getPredictions().values()) {
            if (predictions.size() < 2) {
                throw new IllegalStateException(
                        "predictions must be the reconstruction and the moments, got "
                                + predictions.size()
                                + " arrays");
            }
            read(predictions.get(1));
        }
    }

    private void read(NDArray moments) {
        seen.addBatch(step + 1, PosteriorBatch.of(moments, clamp), losses.get());
    }

    /** Counts the steps. */
    private final class Steps implements StepObserver {

        @Override
        public void checkStep(Trainer trainer) {
            if (seen.isBetweenSteps()) {
                throw new IllegalStateException(
                        "The diagnostics have seen no batch of step "
                                + (step + 1)
                                + ": evaluate the trainer's VaeLoss within its gradient collector,"
                                + " or report the batch to the listeners as EasyTrain does");
            }
        }

        @Override
        public void afterStep(Trainer trainer) {
            step++;
            seen.endStep(step, (double) step);
            alreadyRead = false;
        }
    }

    @Override
    public void onEpoch(Trainer trainer) {
        endEpoch();
    }

    @Override
    public State state() {
        return State.of(
                Map.of(
                        CONFIG,
                        Description.of(config),
                        STEP,
                        Long.toString(step),
                        DATA,
                        seen.text()));
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved).value(CONFIG, Description.of(config)).count(STEP);
        check.text(DATA, "[A-Za-z0-9+/]+={0,2}", "numbers in base 64");
        List<String> differences = check.end();
        if (differences.isEmpty()) {
            try {
                Observations.read(config, value(saved, DATA));
            } catch (BufferUnderflowException | IllegalArgumentException e) {
                check.add("data must be whole, got " + value(saved, DATA).length() + " characters");
            }
        }
        return check.end();
    }

    @Override
    public void restore(SavedState saved) {
        step = Long.parseLong(value(saved, STEP));
        seen = Observations.read(config, value(saved, DATA));
    }

    private static String value(SavedState saved, String name) {
        return Objects.requireNonNull(saved.values().get(name), name);
    }
}
