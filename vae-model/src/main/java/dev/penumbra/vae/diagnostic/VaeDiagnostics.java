// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.nio.BufferUnderflowException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * A training listener that follows the posteriors of a variational autoencoder and warns of what
 * goes wrong with them.
 *
 * <pre>{@code
 * VaeDiagnostics diagnostics = new VaeDiagnostics(config, () -> latestLosses());
 * trainingConfig.addTrainingListeners(diagnostics);
 * for each epoch
 *     for each batch    -> onTrainingBatch     observe(step, moments, losses)
 *                       -> onEpoch             endEpoch()
 *     diagnostics.report().finished().warnings()
 * }</pre>
 *
 * <p>The model must return the reconstruction and the moments, as {@link
 * dev.penumbra.vae.AutoencoderKL} does. Every batch counts as a step. Weights move during an epoch,
 * so that its figures are of many models; for those of one, hand the batches of a data set to the
 * {@link #observe} of an instance of its own. Validation batches are not observed. One device only.
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
    private final ClampLimits clamp;
    private Observations seen;
    private long step;

    /**
     * Creates diagnostics that have seen nothing.
     *
     * @param config the settings
     * @param losses gives the parts of the loss of the batch that DJL reports; unused if every
     *     batch is handed to {@link #observe}
     */
    public VaeDiagnostics(DiagnosticsConfig config, Supplier<StepLosses> losses) {
        this.config = Objects.requireNonNull(config, "config");
        this.losses = Objects.requireNonNull(losses, "losses");
        this.clamp = ClampLimits.of(config.clamp());
        this.seen = new Observations(config);
    }

    /**
     * Takes one step.
     *
     * @param step the step, at least 0
     * @param moments the means and the log-variances before the clamp; (N, 2Z, ...)
     * @param losses the parts of the loss
     */
    public void observe(long step, NDArray moments, StepLosses losses) {
        Arguments.requireAtLeast("step", 0, step);
        seen.add(step, PosteriorBatch.of(moments, clamp), losses);
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
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        if (trainer.getDevices().length > 1) {
            throw new IllegalStateException(
                    "devices must be one for diagnostics, got " + trainer.getDevices().length);
        }
        for (NDList predictions : batchData.getPredictions().values()) {
            if (predictions.size() < 2) {
                throw new IllegalStateException(
                        "predictions must be the reconstruction and the moments, got "
                                + predictions.size()
                                + " arrays");
            }
            observe(++step, predictions.get(1), losses.get());
        }
    }

    @Override
    public void onEpoch(Trainer trainer) {
        endEpoch();
    }

    @Override
    public State state() {
        return State.of(
                Map.of(CONFIG, config.toString(), STEP, Long.toString(step), DATA, seen.text()));
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved).value(CONFIG, config.toString()).count(STEP);
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
