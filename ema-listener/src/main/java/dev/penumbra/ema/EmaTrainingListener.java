// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.translate.TranslateException;
import dev.penumbra.checkpoint.TrainingPart;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.statistics.InitialStatistics;
import dev.penumbra.internal.script.NamedParameters;
import dev.penumbra.internal.script.ScriptBlocks;
import dev.penumbra.state.Stateful;
import dev.penumbra.torch.ConvolutionCheck;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A training listener that averages the weights of a model once per optimizer step, right after the
 * step.
 *
 * <pre>{@code
 * var ema = EmaTrainingListener.ofDecay(0.9999);
 * config.addTrainingListeners(ema);
 * ...
 * EasyTrain.fit(trainer, epochs, training, validation);
 * Map<String, Float> averaged = ema.evaluate(trainer, test);
 * ema.save(directory, "my-model-ema");
 * }</pre>
 *
 * <p>The average moves inside {@code trainer.step()}, right after the optimizer has moved the
 * weights, whatever loop calls it:
 *
 * <pre>{@code
 * new Trainer(...)                 -> onTrainingBegin     weights may not exist yet
 * for each epoch
 *     for each batch
 *         forward, backward        -> onTrainingBatch     weights of the previous step
 *         trainer.step()           -> the average moves here
 *     for each validation batch    -> onValidationBatch
 *                                  -> onEpoch
 * trainer.close()                  -> onTrainingEnd
 * }</pre>
 *
 * <p>The listener learns of the step from {@link OptimizerSteps}, so every step of every trainer
 * that was made with it counts once, however many batches its gradients come from, whatever metrics
 * the trainer has, and also when several trainers of the model take steps in turn. Online weights
 * are never written, unless {@link EmaConfig.BaseBuilder#optWriteBack} says so. Only a loop that
 * moves the weights without {@code trainer.step()} calls {@link #start} before its first step and
 * {@link #update} after each one.
 *
 * <p>The average starts as a copy of the weights before the first step, however they came there.
 * Weights that are initialized again, as for the next fold of a cross-validation, start anew: see
 * {@link WeightAverages}. Closing the trainer leaves the average alive; closing this listener or
 * the model frees it. One listener serves one model.
 */
public final class EmaTrainingListener implements TrainingListener, TrainingPart, AutoCloseable {

    /** The metric of the decay of a step, in [0, 1]. */
    public static final String DECAY_METRIC = "ema_decay";

    /** The metric of the number of averaged steps. */
    public static final String STEP_METRIC = "ema_step";

    /** The metric of the Euclidean distance between averaged and online weights. */
    public static final String DISTANCE_METRIC = "ema_distance";

    private static final Logger logger = LoggerFactory.getLogger(EmaTrainingListener.class);

    private final EmaConfig config;
    private final int metricsEvery;
    private final boolean automatic;
    private final List<AfterStep> observers;
    private final StepObserver steps = new Steps();
    private final AverageMetrics metrics = new AverageMetrics();
    private WeakReference<Trainer> latestTrainer = new WeakReference<>(null);
    private @Nullable Model model;
    private @Nullable Block block;
    private @Nullable InitialStatistics initialStatistics;
    private @Nullable WeightAverages averages;

    /** Whether the average was asked for before the first step, whose start is still to come. */
    private boolean provisional;

    private boolean toldOfNoStep;
    private boolean closed;

    EmaTrainingListener(EmaTrainingListenerBuilder builder) {
        config = builder.config();
        metricsEvery = builder.metricsEvery();
        automatic = builder.isAutomatic();
        observers = new CopyOnWriteArrayList<>(builder.observers());
    }

    /**
     * Creates a listener with a constant decay.
     *
     * @param decay the decay, in [0, 1)
     * @return the listener
     */
    public static EmaTrainingListener ofDecay(double decay) {
        return builder().setSchedule(new ConstantDecay(decay)).build();
    }

    /**
     * Creates a listener with all settings in one object.
     *
     * @param config the settings
     * @return the listener
     */
    public static EmaTrainingListener of(EmaConfig config) {
        return builder().setConfig(config).build();
    }

    /**
     * Creates a builder.
     *
     * @return the builder
     */
    public static EmaTrainingListenerBuilder builder() {
        return new EmaTrainingListenerBuilder();
    }

    @Override
    public void onTrainingBegin(Trainer trainer) {
        requireOpen();
        Block begun = trainer.getModel().getBlock();
        if (block != null && (block != begun || model != trainer.getModel())) {
            throw new IllegalStateException(
                    "The listener averages another model: create one listener per model");
        }
        if (config.writeBack() != null && trainer.getDevices().length > 1) {
            throw new IllegalStateException(
                    "devices must be one to write the average back, got "
                            + trainer.getDevices().length);
        }
        if (automatic) {
            OptimizerSteps.of(trainer).add(steps);
        }
        if (averages == null) {
            // These blocks run without a word, and their statistics exist from the beginning.
            statistics(trainer).take(ScriptBlocks.buffers(begun).values());
        }
        model = trainer.getModel();
        block = begun;
        latestTrainer = new WeakReference<>(trainer);
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {}

    @Override
    public void onValidationBatch(Trainer trainer, BatchData batchData) {}

    @Override
    public void onEpoch(Trainer trainer) {
        if (averages != null && averages.step() > 0) {
            AverageMetrics.report(trainer, averages);
        } else if (!toldOfNoStep) {
            toldOfNoStep = true;
            logger.warn(
                    "No optimizer step was averaged in this epoch: a loop that moves the weights"
                            + " without trainer.step() calls update() after each step");
        }
    }

    @Override
    public void onTrainingEnd(Trainer trainer) {
        OptimizerSteps.of(trainer).remove(steps);
    }

    /** What happens around each step of each trainer. */
    private final class Steps implements StepObserver {

        @Override
        public void beforeForward(Trainer trainer) {
            if (averages == null || provisional || averages.parameters().isInitializedAgain()) {
                keepStatistics(trainer);
            }
        }

        @Override
        public void checkStep(Trainer trainer) {
            requireOpen();
            if (averages != null) {
                averages.requireUsable();
            }
        }

        @Override
        public void beforeStep(Trainer trainer) {
            if (averages == null) {
                begin(trainer);
            } else if (provisional) {
                averages.startAgain(initialStatistics);
                forgetStatistics();
            } else {
                restoreStatistics(averages, averages.parameters().follow());
            }
            provisional = false;
            averages().observeGradients();
        }

        @Override
        public void afterStep(Trainer trainer) {
            average(trainer);
        }
    }

    /** Keeps the running statistics of before the first forward pass for the start. */
    private void keepStatistics(Trainer trainer) {
        statistics(trainer).take(trainer.getModel().getBlock().getParameters().values());
    }

    private InitialStatistics statistics(Trainer trainer) {
        InitialStatistics kept = initialStatistics;
        if (kept == null) {
            kept = InitialStatistics.of(trainer.getModel());
            initialStatistics = kept;
        }
        return kept;
    }

    private void forgetStatistics() {
        InitialStatistics kept = initialStatistics;
        if (kept != null) {
            initialStatistics = null;
            kept.close();
        }
    }

    private void restoreStatistics(WeightAverages started, Set<Parameter> begun) {
        InitialStatistics kept = initialStatistics;
        if (kept != null) {
            initialStatistics = null;
            started.names().forEach(name -> kept.restore(started.get(name).weights(), begun));
            kept.close();
        }
    }

    /**
     * Takes the weights as they are as the start of the average. Only a loop that does not call
     * {@code trainer.step()} needs this call, after {@code trainer.initialize(...)}.
     *
     * @param trainer the trainer
     * @throws IllegalStateException if the model has no weights yet, the average has started or
     *     this listener is not part of the trainer's configuration
     */
    public void start(Trainer trainer) {
        if (averages != null && !provisional) {
            throw new IllegalStateException("The average has started already");
        }
        requireIn(trainer);
        forgetStatistics();
        if (averages == null) {
            begin(trainer);
        } else {
            averages.startAgain(null);
        }
        provisional = false;
    }

    /**
     * Returns the averages of a trainer, which take the weights as they are for their start if they
     * have none, to be filled from a checkpoint.
     *
     * @param trainer the trainer
     * @return the averages, which stay this listener's
     * @throws IllegalStateException if the model has no weights yet or this listener is not part of
     *     the trainer's configuration
     */
    public WeightAverages averagesOf(Trainer trainer) {
        requireIn(trainer);
        if (averages == null) {
            begin(trainer);
        }
        provisional = false;
        return averages();
    }

    @Override
    public Stateful state(Trainer trainer) {
        return averagesOf(trainer).stateful();
    }

    @Override
    public Map<String, Map<String, Float>> evaluateAll(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        return metrics.scores(averagesOf(trainer), trainer, dataset);
    }

    /**
     * Refuses a trainer that was made without this listener.
     *
     * @param trainer the trainer
     * @throws IllegalStateException if this listener is not part of its configuration
     */
    @Override
    public void requireIn(Trainer trainer) {
        requireOpen();
        if (model != trainer.getModel() || (automatic && !OptimizerSteps.of(trainer).has(steps))) {
            throw new IllegalStateException(
                    "The EmaTrainingListener must be part of the training: add it to the"
                            + " TrainingConfig before newTrainer");
        }
    }

    /**
     * Adds what runs right after each step has been averaged, after what is there already.
     *
     * @param observer what runs
     */
    public void addAfterStep(AfterStep observer) {
        observers.add(Objects.requireNonNull(observer, "observer"));
    }

    private void begin(Trainer trainer) {
        requireMainDevice(trainer);
        ConvolutionCheck.warn(trainer.getModel().getBlock());
        averages = WeightAverages.of(trainer.getModel(), config, initialStatistics);
        provisional = false;
        forgetStatistics();
    }

    private static void requireMainDevice(Trainer trainer) {
        for (Parameter parameter : NamedParameters.of(trainer.getModel().getBlock()).values()) {
            Device device = parameter.getArray().getDevice();
            Device[] devices = trainer.getDevices();
            if (!device.equals(devices[0])) {
                throw new IllegalStateException(
                        "The first device of the trainer must be the model's, got "
                                + Arrays.toString(devices)
                                + " and "
                                + device);
            }
        }
    }

    /**
     * Averages the step just taken in a loop that moves the weights without {@code trainer.step()}.
     * Where the latest trainer takes its steps itself, they are averaged already and this call does
     * nothing, so calling it after every step is always right.
     *
     * @throws IllegalStateException if no trainer has begun or the average has no start
     */
    public void update() {
        Trainer trainer = latestTrainer.get();
        if (trainer == null) {
            throw new IllegalStateException(
                    "No trainer is open: add the listener to a TrainingConfig before newTrainer");
        }
        if (!automatic || OptimizerSteps.of(trainer).taken() == 0) {
            average(trainer);
        }
    }

    private void average(Trainer trainer) {
        requireOpen();
        if (averages == null) {
            if (!config.rules().values().stream().allMatch(EmaTrainingListener::copiesFirst)) {
                throw new IllegalStateException(
                        "The average has no start: call start(trainer) before the first step");
            }
            begin(trainer);
        }
        WeightAverages current = averages();
        current.update();
        observers.forEach(observer -> observer.afterStep(current));
        if (current.step() % metricsEvery == 0) {
            AverageMetrics.report(trainer, current);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(
                    "The EmaTrainingListener is closed: create one for each training");
        }
    }

    /** Tells whether the first step replaces the start of the average. */
    private static boolean copiesFirst(AveragingRule rule) {
        return !rule.needsGradients() && rule.weightsAt(1, null).common() == 1;
    }

    /**
     * Returns the average, the main one if there are several.
     *
     * @return the average, which stays this listener's
     * @throws IllegalStateException if it has not started
     */
    public WeightAverage average() {
        return averages().main();
    }

    /**
     * Returns all averages.
     *
     * @return the averages, which stay this listener's
     * @throws IllegalStateException if they have not started
     */
    public WeightAverages averages() {
        return averages == null ? provisionalAverages() : averages;
    }

    /** Before the first step the average is that of the weights as they are. */
    private WeightAverages provisionalAverages() {
        requireOpen();
        Trainer trainer = latestTrainer.get();
        if (trainer == null || !trainer.getModel().getBlock().isInitialized()) {
            throw new IllegalStateException(
                    "The average has not started: train at least one step before using it");
        }
        requireMainDevice(trainer);
        WeightAverages started = WeightAverages.of(trainer.getModel(), config, initialStatistics);
        averages = started;
        provisional = true;
        return started;
    }

    /**
     * Returns the number of steps averaged so far.
     *
     * @return the number, at least 0
     */
    public long step() {
        return averages == null ? 0 : averages.step();
    }

    /**
     * Runs the model with averaged weights, without dropout and without touching the online
     * weights.
     *
     * @param inputs the inputs of the block
     * @return the outputs, on the manager of the inputs
     * @throws IllegalStateException if no step has been averaged
     */
    public NDList forward(NDList inputs) {
        return average().forward(inputs);
    }

    /**
     * Evaluates the averaged weights with the loss and the evaluators of a trainer. What the
     * trainer accumulates for its own weights is left alone.
     *
     * @param trainer the trainer
     * @param dataset the data
     * @return the value of each evaluator, by its name
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @throws IllegalStateException if no step has been averaged
     */
    public Map<String, Float> evaluate(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        return average().evaluate(trainer, dataset);
    }

    /**
     * Saves the averaged weights as an ordinary DJL model.
     *
     * @param directory the directory, created if it is missing
     * @param name the name of the model
     * @return the file
     * @throws IOException if it cannot be written
     * @throws IllegalStateException if no step has been averaged
     * @see WeightAverage#save
     */
    public Path save(Path directory, String name) throws IOException {
        return average().save(directory, name);
    }

    /** Frees the average, once what uses it has ended. */
    @Override
    public void close() {
        closed = true;
        if (averages != null) {
            averages.close(" with its listener");
        }
        forgetStatistics();
    }
}
