// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.statistics.RunningStatistics;
import dev.penumbra.ema.target.AveragePenalty;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.SwapScope;
import dev.penumbra.ema.weights.WeightsMemory;
import dev.penumbra.state.StateCheck;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * One average of the weights of a model, to be looked at and used. {@link WeightAverages} moves it,
 * together with those that were made with it, and frees it.
 */
public final class WeightAverage {

    private final WeightAverages owner;
    private final String name;
    private final int index;
    private final ModelWeights weights;
    private boolean started;
    private double weight = 1;
    private double decay;
    private long movedAt;
    private long recomputedAt;

    WeightAverage(WeightAverages owner, String name, int index, ModelWeights weights) {
        this.owner = owner;
        this.name = name;
        this.index = index;
        this.weights = weights;
        restart();
    }

    /** Takes the average back to before its first step. */
    void restart() {
        started = false;
        weight = 1;
        decay = rule().decayOf(0, weight);
        movedAt = 0;
        recomputedAt = 0;
    }

    /** Tells that a step has moved the average. */
    void moved(long atStep, double byWeight) {
        started = true;
        movedAt = atStep;
        weight = byWeight;
        decay = rule().decayOf(atStep, byWeight);
    }

    /**
     * Returns the name.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * Returns the rule of the decay.
     *
     * @return the rule
     */
    public AveragingRule rule() {
        return Objects.requireNonNull(owner.config().rules().get(name));
    }

    /**
     * Returns the number of optimizer steps seen so far.
     *
     * @return the number, at least 0
     */
    public long step() {
        return owner.step();
    }

    /**
     * Returns the decay of the latest step that moved the average.
     *
     * @return the decay, in [0, 1]; before any that of the schedule at step 0
     */
    public double decay() {
        return decay;
    }

    /**
     * Returns the settings.
     *
     * @return the settings
     */
    public EmaConfig config() {
        return owner.config();
    }

    /**
     * Returns the Euclidean distance between the averaged and the online trainable weights that are
     * averaged.
     *
     * @return the distance, at least 0
     */
    @SuppressWarnings("try") // the use only has to end
    public double distance() {
        owner.requireUsable();
        owner.parameters().current();
        try (WeightsMemory.Use use = owner.memory().read()) {
            owner.requireUsable();
            return owner.parameters().engine().distance(index);
        }
    }

    /**
     * Returns the share of the averaged values that the latest weight would leave as they are
     * although they differ from the online values, because the move is lost in rounding.
     *
     * @return the share of the type with the most such values, in [0, 1]
     */
    @SuppressWarnings("try") // the use only has to end
    public double stalledShare() {
        owner.requireUsable();
        owner.parameters().current();
        try (WeightsMemory.Use use = owner.memory().read()) {
            owner.requireUsable();
            return owner.parameters().engine().stalledShare(index, weight);
        }
    }

    /**
     * Returns the averaged arrays by the names of the block's parameters, in its order. Shared
     * parameters appear once. The arrays stay this object's: they change with every update.
     *
     * @return the arrays; same shapes as the parameters
     */
    public Map<String, NDArray> arrays() {
        owner.requireUsable();
        return weights.arrays();
    }

    /**
     * Returns a copy of the averaged weights as they are now.
     *
     * @return the copy; the caller closes it
     * @throws IllegalStateException if no step has moved the average
     */
    public ModelWeights snapshot() {
        requireStarted();
        return weights.copy();
    }

    /**
     * Runs the model with averaged weights, without dropout and without touching the online
     * weights. No gradient flows into the average, so it can be the teacher of the model while a
     * gradient collector records.
     *
     * @param inputs the inputs of the block
     * @return the outputs, on the manager of the inputs
     * @throws IllegalStateException if no step has moved the average
     */
    public NDList forward(NDList inputs) {
        requireCurrent();
        return weights.forward(inputs);
    }

    /**
     * Runs the model with averaged weights, optionally in training mode.
     *
     * @param inputs the inputs of the block
     * @param training whether to run in training mode
     * @return the outputs, on the manager of the inputs
     * @throws IllegalStateException if no step has moved the average
     * @see ModelWeights#forward(NDList, boolean)
     */
    public NDList forward(NDList inputs, boolean training) {
        requireCurrent();
        return weights.forward(inputs, training);
    }

    /**
     * Returns the distance of the online weights from the average as a term of the loss, which
     * pulls the weights towards the average.
     *
     * <p>\[ P(\theta) = \frac{\lambda}{2} \sum_i (\theta_i - \bar\theta_i)^2, \qquad \nabla P =
     * \lambda (\theta - \bar\theta) \]
     *
     * <p>The sum is over the weights that are trained and averaged. No gradient flows into the
     * average. Before the first step the average is that of the initial weights. Results of an
     * operation on the penalty belong to its manager, so add it to the loss, {@code
     * loss.add(penalty)}, or attach it to the batch's manager.
     *
     * @param strength the strength \( \lambda \), finite and at least 0
     * @return the penalty, on the model's manager; (), the caller closes it
     * @throws IllegalArgumentException if the strength is out of range
     * @throws IllegalStateException if the average is closed or swapped in, or no weight is trained
     *     and averaged
     */
    public NDArray penalty(double strength) {
        owner.requireUsable();
        return AveragePenalty.of(
                owner.model(),
                owner.parameters().current(),
                config().treatments(),
                weights,
                strength);
    }

    /**
     * Returns a parameter store that answers with averaged weights, for code that calls {@code
     * block.forward(store, inputs, training)} itself. It is valid until the next update.
     *
     * @param scope the manager of what must be converted to another type or device
     * @return the store
     * @throws IllegalStateException if no step has moved the average
     */
    public ParameterStore parameterStore(NDManager scope) {
        requireCurrent();
        return weights.parameterStore(scope);
    }

    /**
     * Evaluates the averaged weights with the loss and the evaluators of a trainer.
     *
     * @param trainer the trainer
     * @param dataset the data
     * @return the value of each evaluator, by its name
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @throws IllegalStateException if no step has moved the average
     * @see ModelWeights#evaluate
     */
    public Map<String, Float> evaluate(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        requireCurrent();
        return weights.evaluate(trainer, dataset);
    }

    /**
     * Exchanges the online weights for the averaged ones, in place, for code that needs the block's
     * own arrays, such as a {@code Predictor}. Closing the scope restores the online weights bit
     * for bit.
     *
     * @return the scope
     * @throws IllegalStateException if no step has moved the average or it is swapped in
     * @see ModelWeights#swapIn
     */
    public SwapScope swapIn() {
        requireCurrent();
        owner.parameters().current();
        return weights.swapIn();
    }

    /**
     * Puts the averaged weights into the model for good, as Lookahead and Switch-EMA do at chosen
     * steps. The online weights are lost; the state of the optimizer stays.
     *
     * @throws IllegalStateException if no step has moved the average
     */
    public void copyToModel() {
        requireCurrent();
        owner.parameters().current();
        weights.copyToModel();
    }

    /**
     * Saves the averaged weights as an ordinary DJL model, which {@code Model.load} and a {@code
     * Predictor} accept. The file appears complete or not at all.
     *
     * <p>The properties of the model are saved with it, and {@code ema_step}, {@code ema_decay} and
     * {@code ema_schedule}.
     *
     * @param directory the directory, created if it is missing
     * @param name the name of the model
     * @return the file
     * @throws IOException if it cannot be written
     * @throws IllegalStateException if no step has moved the average
     */
    public Path save(Path directory, String name) throws IOException {
        requireCurrent();
        owner.parameters().current();
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("ema_step", Long.toString(step()));
        properties.put("ema_decay", Double.toString(decay));
        properties.put("ema_schedule", rule().toString());
        return weights.save(directory, name, properties);
    }

    /**
     * Computes the running statistics of the averaged weights over data. An average whose settings
     * say {@link Treatments.Treatment#RECOMPUTE} needs it after its latest move, before it is run,
     * saved or put into the model; {@link #snapshot()} and {@link WeightAverages#blend} take the
     * statistics as they are.
     *
     * @param trainer the trainer
     * @param dataset the data, without its labels
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @throws IllegalStateException if no step has moved the average
     * @see RunningStatistics#recompute(ModelWeights, Trainer, Dataset)
     */
    public void recomputeStatistics(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        requireStarted();
        RunningStatistics.recompute(weights, trainer, dataset);
        recomputedAt = movedAt;
    }

    /**
     * Computes the running statistics of the averaged weights over data.
     *
     * @param data the inputs of the block, batch by batch; they stay the caller's
     * @throws IllegalStateException if no step has moved the average
     * @see #recomputeStatistics(Trainer, Dataset)
     */
    public void recomputeStatistics(Iterable<NDList> data) {
        requireStarted();
        RunningStatistics.recompute(weights, data);
        recomputedAt = movedAt;
    }

    /**
     * Tells whether a step has moved the average, without which it cannot be used.
     *
     * @return whether one has
     */
    public boolean isStarted() {
        return started;
    }

    /** What has happened so far, by name. */
    Map<String, String> progress() {
        Map<String, String> progress = new LinkedHashMap<>();
        progress.put("started", Boolean.toString(started));
        progress.put("weight", Double.toString(weight));
        progress.put("decay", Double.toString(decay));
        progress.put("moved_at", Long.toString(movedAt));
        progress.put("recomputed_at", Long.toString(recomputedAt));
        return progress;
    }

    static void checkProgress(String prefix, StateCheck check) {
        check.truth(prefix + "started");
        check.number(prefix + "weight").number(prefix + "decay");
        check.count(prefix + "moved_at").count(prefix + "recomputed_at");
    }

    void setProgress(String prefix, Map<String, String> saved) {
        started = Boolean.parseBoolean(saved.get(prefix + "started"));
        weight = Double.parseDouble(value(saved, prefix + "weight"));
        decay = Double.parseDouble(value(saved, prefix + "decay"));
        movedAt = Long.parseLong(value(saved, prefix + "moved_at"));
        recomputedAt = Long.parseLong(value(saved, prefix + "recomputed_at"));
    }

    private static String value(Map<String, String> saved, String name) {
        return Objects.requireNonNull(saved.get(name), name);
    }

    ModelWeights weights() {
        return weights;
    }

    /** Checks that a step has moved the average and that its running statistics belong to it. */
    private void requireCurrent() {
        requireStarted();
        if (needsRecomputation()) {
            throw new IllegalStateException(
                    "running statistics must be recomputed: call recomputeStatistics(...) after"
                            + " step "
                            + movedAt);
        }
    }

    private boolean needsRecomputation() {
        return recomputedAt < movedAt
                && config().treatments().statistics() == Treatment.RECOMPUTE
                && RunningStatistics.areIn(owner.model().getBlock());
    }

    /** Whether the average can be run. */
    boolean isCurrent() {
        return started && !needsRecomputation();
    }

    void requireStarted() {
        owner.requireUsable();
        if (!started) {
            throw new IllegalStateException(owner.whyNotStarted());
        }
    }
}
