// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.evaluator.Evaluator;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.ScoreOrder;
import dev.penumbra.ema.merge.WeightedSum;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.GradientNorms;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.schedule.StepWeights;
import dev.penumbra.ema.statistics.InitialStatistics;
import dev.penumbra.ema.statistics.RunningStatistics;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments.Treatment;
import dev.penumbra.ema.update.internal.AveragedParameters;
import dev.penumbra.ema.update.internal.AveragedSet;
import dev.penumbra.ema.update.internal.BatchedUpdate;
import dev.penumbra.ema.update.internal.GradientReader;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.WeightsMemory;
import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Several averages of the weights of one model, moved together once per optimizer step.
 *
 * <p>\[ \bar\theta_t = \bar\theta_{t-1} + w_t (\theta_t - \bar\theta_{t-1}), \qquad w_t = 1 -
 * \beta_t \]
 *
 * <p>Every average starts as a copy of the weights. A weight that does not change is a fixed point,
 * bit for bit. A parameter that several blocks share is averaged once; a parameter that appears
 * later joins with the value it has then.
 *
 * <p>The averaged arrays live until {@link #close()} or until the model is closed, not only until a
 * trainer is; both wait for what another thread does with them. Averages may be run, evaluated,
 * copied and saved in another thread while the model is trained: the next step waits for it.
 *
 * <p>A parameter that was cleared and initialized again starts anew, with the value before its next
 * step. Where that is so for every trained parameter, as in the next fold of a cross-validation,
 * the averages begin again at step 0.
 */
public final class WeightAverages implements AutoCloseable {

    private static final Logger logger = LoggerFactory.getLogger(WeightAverages.class);

    /** How often it is checked whether moves are lost in rounding: it costs about three updates. */
    private static final int STALL_CHECK_STEPS = 1000;

    /** The share of lost moves that is worth a warning. */
    private static final double STALLED = 0.5;

    private final Model model;
    private final EmaConfig config;
    private final WeightsMemory memory;
    private final List<AveragingRule> rules;
    private final boolean needsGradients;
    private final Map<String, WeightAverage> averages = new LinkedHashMap<>();
    private final List<WeightAverage> list;
    private final BitSet stalled = new BitSet();
    private final AveragedParameters parameters;
    private @Nullable GradientNorms gradientNorms;
    private long step;
    private long skippedSteps;
    private String firstCulprit = "";

    private WeightAverages(
            Model model,
            EmaConfig config,
            WeightsMemory memory,
            @Nullable InitialStatistics statistics) {
        this.model = model;
        this.config = config;
        this.memory = memory;
        rules = List.copyOf(config.rules().values());
        needsGradients = rules.stream().anyMatch(AveragingRule::needsGradients);
        if (config.treatments().statistics() == Treatment.RECOMPUTE) {
            RunningStatistics.requireIn(model.getBlock());
        }
        parameters = new AveragedParameters(model, config, memory, this::restart);
        for (String name : config.rules().keySet()) {
            ModelWeights weights = parameters.sets().get(averages.size()).weights();
            averages.put(name, new WeightAverage(this, name, averages.size(), weights));
        }
        list = List.copyOf(averages.values());
        if (statistics != null) {
            list.forEach(average -> statistics.restore(average.weights(), parameters.set()));
        }
        requireFiniteStart();
        List<String> idle = config.withoutMatch(main().weights().arrays().keySet());
        if (!idle.isEmpty()) {
            logger.warn("The patterns {} are in no parameter's name and have no effect", idle);
        }
    }

    /**
     * Starts averages as copies of the model's weights.
     *
     * @param model the model, with initialized parameters
     * @param config the settings
     * @return the averages; the caller closes them
     * @throws IllegalStateException if the model has no weights yet, or if one is not finite and
     *     the settings do not say OFF
     */
    public static WeightAverages of(Model model, EmaConfig config) {
        return of(model, config, null);
    }

    /**
     * Starts averages as copies of the model's weights, with running statistics of before the first
     * forward pass.
     */
    static WeightAverages of(
            Model model, EmaConfig config, @Nullable InitialStatistics statistics) {
        WeightsMemory memory = WeightsMemory.of(model, "The average");
        try {
            return new WeightAverages(model, config, memory, statistics);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /**
     * Reads the gradients of the step to come, for rules that depend on them. Call it between the
     * backward pass and the optimizer step; the last call before a step counts.
     *
     * @throws IllegalStateException if a rule needs them and the averages are closed
     */
    public void observeGradients() {
        if (needsGradients) {
            requireUsable();
            gradientNorms = GradientReader.read(parameters.current());
        }
    }

    /**
     * Averages the online weights of the optimizer step just taken.
     *
     * @throws IllegalStateException if the averages are closed or swapped in, or if a rule needs
     *     gradients and none were observed
     * @throws ArithmeticException if a weight is not finite and the settings say FAIL
     */
    @SuppressWarnings("try") // the change only has to end
    public void update() {
        try (WeightsMemory.Use change = memory.change()) {
            requireUsable();
            updateAll();
        }
    }

    private void updateAll() {
        BatchedUpdate engine = parameters.engine();
        StepWeights[] weights = new StepWeights[rules.size()];
        BitSet active = new BitSet(weights.length);
        boolean finite = true;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = weightsOf(rules.get(i));
            active.set(i, weights[i].isActive());
            finite &= weights[i].isFinite();
        }
        if (!active.isEmpty()) {
            String culprit = finite ? nonFinite(engine) : "gradients";
            if (culprit == null) {
                move(engine, weights, active);
            } else {
                refuse(culprit);
            }
        }
        gradientNorms = null;
        step++;
        StepInterval writeBack = config.writeBack();
        if (writeBack != null && writeBack.includes(step) && main().isStarted()) {
            engine.writeBack(0);
        }
    }

    private StepWeights weightsOf(AveragingRule rule) {
        StepWeights weights = rule.weightsAt(step + 1, gradientNorms);
        return config.groups().isEmpty() ? weights : weights.with(step + 1, parameters.schedules());
    }

    private void move(BatchedUpdate engine, StepWeights[] weights, BitSet active) {
        // Carried errors are not lost, and what float64 loses is too little to matter.
        if ((step + 1) % STALL_CHECK_STEPS == 0
                && config.arithmetic() != Arithmetic.COMPENSATED
                && config.precision() != Precision.FLOAT64) {
            active.stream().forEach(i -> warnIfStalled(engine, i, weights[i].common()));
        }
        engine.update(weights, active);
        active.stream().forEach(i -> list.get(i).moved(step + 1, weights[i].common()));
    }

    private void warnIfStalled(BatchedUpdate engine, int index, double weight) {
        if (!stalled.get(index) && weight > 0 && engine.stalledShare(index, weight) > STALLED) {
            stalled.set(index);
            logger.warn(
                    "The average '{}' hardly moves any more at step {}: at a weight of {} most moves"
                            + " are lost in rounding. Use the compensated arithmetic or float64, or"
                            + " update it less often.",
                    list.get(index).name(),
                    step + 1,
                    String.format(Locale.ROOT, "%.3g", weight));
        }
    }

    private @Nullable String nonFinite(BatchedUpdate engine) {
        return config.nonFinite() == NonFinite.OFF ? null : engine.firstNonFinite();
    }

    private void refuse(String culprit) {
        String message =
                "'" + culprit + "' must be finite, got an infinite value or NaN after step ";
        if (config.nonFinite() == NonFinite.FAIL) {
            throw new ArithmeticException(message + (step + 1));
        }
        skippedSteps++;
        if (skippedSteps == 1) {
            firstCulprit = culprit;
            logger.warn("{}{}: the averages skip such steps", message, step + 1);
        }
    }

    private void restart() {
        logger.info("All weights were initialized again after step {}: averages restart", step);
        setSteps(0, 0);
        list.forEach(WeightAverage::restart);
        stalled.clear();
    }

    /** Takes the weights as they are as the start, before any step has been averaged. */
    @SuppressWarnings("try") // the change only has to end
    void startAgain(@Nullable InitialStatistics statistics) {
        try (WeightsMemory.Use change = memory.change()) {
            parameters.startAgain();
            if (statistics != null) {
                list.forEach(average -> statistics.restore(average.weights(), parameters.set()));
            }
            requireFiniteStart();
        }
    }

    private void requireFiniteStart() {
        boolean checked = config.nonFinite() != NonFinite.OFF;
        String culprit = checked ? parameters.engine().firstNonFiniteStart() : null;
        if (culprit != null) {
            throw new IllegalStateException(
                    "'"
                            + culprit
                            + "' must be finite for an average to start, got an infinite value or"
                            + " NaN");
        }
    }

    WeightsMemory memory() {
        return memory;
    }

    AveragedParameters parameters() {
        return parameters;
    }

    /**
     * Returns the names of the averages, the main one first.
     *
     * @return the names
     */
    public Set<String> names() {
        return config.rules().keySet();
    }

    /**
     * Returns an average.
     *
     * @param name its name
     * @return the average, which stays this object's
     * @throws IllegalArgumentException if there is none of that name
     */
    public WeightAverage get(String name) {
        WeightAverage average = averages.get(name);
        if (average == null) {
            throw new IllegalArgumentException(
                    "name must be one of " + averages.keySet() + ", got " + name);
        }
        return average;
    }

    /**
     * Returns the main average, the first one of the settings.
     *
     * @return the average, which stays this object's
     */
    public WeightAverage main() {
        return list.get(0);
    }

    /**
     * Returns the number of optimizer steps seen so far, skipped ones included.
     *
     * @return the number, at least 0
     */
    public long step() {
        return step;
    }

    /**
     * Returns the number of steps that were left out because a weight was not finite.
     *
     * @return the number, at least 0
     */
    public long skippedSteps() {
        return skippedSteps;
    }

    /**
     * Returns the settings.
     *
     * @return the settings
     */
    public EmaConfig config() {
        return config;
    }

    /**
     * Returns the model.
     *
     * @return the model
     */
    public Model model() {
        return model;
    }

    /**
     * Returns a weighted mean of some of the averages.
     *
     * @param coefficients the coefficient of each average, by its name; finite, and usually with
     *     the sum 1
     * @return the mean as it is now; the caller closes it
     * @throws IllegalArgumentException if a name is unknown or a coefficient is not finite
     * @throws IllegalStateException if one of the averages has not been updated yet
     */
    @SuppressWarnings("try") // the use only has to end
    public ModelWeights blend(Map<String, Double> coefficients) {
        parameters.current();
        try (WeightsMemory.Use use = memory.read();
                WeightedSum sum = new WeightedSum(model)) {
            coefficients.forEach(
                    (name, coefficient) -> {
                        WeightAverage average = get(name);
                        average.requireStarted();
                        sum.add(average.arrays(), coefficient);
                    });
            return sum.weights();
        }
    }

    /**
     * Evaluates every average with the loss and the evaluators of a trainer, one pass over the data
     * each.
     *
     * @param trainer the trainer
     * @param dataset the data
     * @return the value of each evaluator, by its name, by the name of the average
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @throws IllegalStateException if one of the averages has not been updated yet
     */
    public Map<String, Map<String, Float>> evaluate(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        averages.values().forEach(WeightAverage::requireStarted);
        Map<String, Map<String, Float>> values = new LinkedHashMap<>();
        for (WeightAverage average : averages.values()) {
            values.put(average.name(), average.evaluate(trainer, dataset));
        }
        return values;
    }

    /**
     * Returns the average with the best value of an evaluator; of equal ones the first.
     *
     * @param trainer the trainer
     * @param dataset the data, other than that of the final test
     * @param evaluator the name of an evaluator of the trainer, the loss among them
     * @param order whether higher or lower values are better; NaN never wins
     * @return the average, which stays this object's
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @throws IllegalArgumentException if the trainer has no such evaluator
     * @throws ArithmeticException if the value of all averages is NaN
     * @throws IllegalStateException if one of the averages has not been updated yet
     */
    public WeightAverage best(Trainer trainer, Dataset dataset, String evaluator, ScoreOrder order)
            throws IOException, TranslateException {
        List<String> known = trainer.getEvaluators().stream().map(Evaluator::getName).toList();
        if (!known.contains(evaluator)) {
            throw new IllegalArgumentException(
                    "evaluator must be one of " + known + ", got " + evaluator);
        }
        String best = "";
        float bestValue = Float.NaN;
        for (Map.Entry<String, Map<String, Float>> entry : evaluate(trainer, dataset).entrySet()) {
            float value = Objects.requireNonNull(entry.getValue().get(evaluator));
            if (order.isBetter(value, bestValue)) {
                best = entry.getKey();
                bestValue = value;
            }
        }
        if (best.isEmpty()) {
            throw new ArithmeticException(
                    evaluator + " must be a number for at least one average, got NaN for all");
        }
        return get(best);
    }

    /**
     * Returns the state of all averages, counters and settings included, to be saved and restored.
     *
     * @return the state
     */
    public Stateful stateful() {
        return new AveragesState(this);
    }

    /** Why an average that no step has moved cannot be used. */
    String whyNotStarted() {
        if (skippedSteps > 0 && skippedSteps == step) {
            return "The average has not moved: all "
                    + step
                    + " steps were skipped, because a weight was infinite or NaN after each of them"
                    + (firstCulprit.isEmpty() ? "" : ", '" + firstCulprit + "' first");
        }
        return step == 0
                ? "The average has not been updated yet: train at least one step before using it"
                : "The average has not moved yet: its rule begins after step "
                        + step
                        + (skippedSteps == 0 ? "" : ", or its steps were skipped as not finite");
    }

    void setSteps(long taken, long skipped) {
        step = taken;
        skippedSteps = skipped;
        gradientNorms = null;
    }

    /** Tells whether the averages are open and none is swapped in. */
    boolean isUsable() {
        return memory.isOpen()
                && parameters.sets().stream().noneMatch(set -> set.weights().isSwappedIn());
    }

    void requireUsable() {
        memory.requireOpen();
        for (AveragedSet set : parameters.sets()) {
            if (set.weights().isSwappedIn()) {
                throw new IllegalStateException("The average is swapped in: close its scope first");
            }
        }
    }

    /** Frees the averaged arrays; an open swap is undone first. */
    @Override
    public void close() {
        close("");
    }

    /** Frees the averaged arrays, once what uses them has ended. */
    void close(String how) {
        if (memory.isOpen()) {
            parameters.sets().forEach(set -> set.weights().swapOut());
            memory.close(how);
        }
    }
}
