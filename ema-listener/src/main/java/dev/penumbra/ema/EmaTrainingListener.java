// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.metric.Metrics;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Block;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.listener.TrainingListener;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
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
 * <p>DJL tells a listener of a batch before the step that belongs to it:
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
 * <p>The average moves inside {@code trainer.step()}, which reports a metric named "step" after it
 * has changed the weights: the listener puts its own {@link Metrics} before the trainer's, passes
 * everything on, and takes them away at the end. So every step counts once, however many batches
 * its gradients come from and whatever events follow. Online weights are never written, unless
 * {@link EmaTrainingListenerBuilder#optWriteBack} says so.
 *
 * <p>A loop of one's own is seen too if it calls {@code trainer.step()} and {@code
 * trainer.setMetrics(...)}, if at all, before the first event. A loop that gives no event after
 * {@code setMetrics} calls {@link #start} before the first step and {@link #update} after each one.
 *
 * <p>The average starts as a copy of the weights before the first step. Closing the trainer leaves
 * it alive; closing this listener or the model frees it. One listener serves one model.
 */
public final class EmaTrainingListener implements TrainingListener, AutoCloseable {

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
    private @Nullable Trainer trainer;
    private @Nullable Block block;
    private @Nullable InitialBuffers initialBuffers;
    private @Nullable StepMetrics metrics;
    private @Nullable WeightAverages averages;

    EmaTrainingListener(EmaTrainingListenerBuilder builder) {
        config = builder.config();
        metricsEvery = builder.metricsEvery();
        automatic = builder.isAutomatic();
        observers = new ArrayList<>(builder.observers());
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
        Block begun = trainer.getModel().getBlock();
        if (block != null && block != begun) {
            throw new IllegalStateException(
                    "The listener averages another model: create one listener per model");
        }
        this.trainer = trainer;
        block = begun;
        if (averages == null) {
            initialBuffers = InitialBuffers.of(begun);
            if (initialBuffers.weightsExist()) {
                start(trainer);
            }
        }
        listen(trainer);
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        listen(trainer);
        startOnce();
        averages().observeGradients();
    }

    @Override
    public void onValidationBatch(Trainer trainer, BatchData batchData) {
        listen(trainer);
    }

    @Override
    public void onEpoch(Trainer trainer) {
        listen(trainer);
        if (averages != null && averages.step() > 0) {
            report(averages);
        }
    }

    @Override
    public void onTrainingEnd(Trainer trainer) {
        if (averages == null || averages.step() == 0) {
            logger.warn(
                    "No optimizer step was averaged: a loop without events calls update() after"
                            + " each step");
        }
        if (metrics != null) {
            metrics.uninstall(trainer);
            metrics = null;
        }
        this.trainer = null;
    }

    /** Puts the metrics before the trainer's, unless they are there. */
    private void listen(Trainer trainer) {
        if (automatic && (metrics == null || !metrics.isInstalled(trainer))) {
            metrics = StepMetrics.install(trainer, this::startOnce, this::onStep);
        }
    }

    private void startOnce() {
        if (averages == null) {
            begin(requireTrainer());
        }
    }

    private void onStep() {
        average(requireTrainer());
    }

    /**
     * Takes the weights as they are as the start of the average. Only a loop without events needs
     * this call, after {@code trainer.initialize(...)}.
     *
     * @param trainer the trainer
     * @throws IllegalStateException if the model has no weights yet or the average has started
     */
    public void start(Trainer trainer) {
        if (averages != null) {
            throw new IllegalStateException("The average has started already");
        }
        initialBuffers = null;
        begin(trainer);
    }

    /**
     * Returns the averages of a trainer, which take the weights as they are for their start if they
     * have none, to be filled from a checkpoint.
     *
     * @param trainer the trainer
     * @return the averages, which stay this listener's
     * @throws IllegalStateException if the model has no weights yet
     */
    public WeightAverages averagesOf(Trainer trainer) {
        if (averages == null) {
            start(trainer);
        }
        return averages();
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
        if (config.writeBack() != null && trainer.getDevices().length > 1) {
            throw new IllegalStateException(
                    "devices must be one to write the average back, got "
                            + trainer.getDevices().length);
        }
        WeightAverages started = WeightAverages.of(trainer.getModel(), config);
        if (initialBuffers != null) {
            for (String name : started.names()) {
                initialBuffers.restore(started.get(name));
            }
            initialBuffers = null;
        }
        averages = started;
    }

    private static void requireMainDevice(Trainer trainer) {
        Device device =
                trainer.getModel().getBlock().getParameters().valueAt(0).getArray().getDevice();
        Device[] devices = trainer.getDevices();
        if (!device.equals(devices[0])) {
            throw new IllegalStateException(
                    "The first device of the trainer must be the model's, got "
                            + Arrays.toString(devices)
                            + " and "
                            + device);
        }
    }

    /**
     * Averages the step just taken in a loop that gives the listener no event. Where the listener
     * has seen the step itself, this call does nothing, so calling it after every step is always
     * right.
     *
     * @throws IllegalStateException if no trainer has begun or the average has no start
     */
    public void update() {
        Trainer current = requireTrainer();
        if (metrics == null || !metrics.isInstalled(current)) {
            average(current);
            listen(current);
        }
    }

    private void average(Trainer trainer) {
        if (averages == null) {
            if (!config.rules().values().stream().allMatch(EmaTrainingListener::copiesFirst)) {
                throw new IllegalStateException(
                        "The average has no start: call start(trainer) before the first step");
            }
            initialBuffers = null;
            begin(trainer);
        }
        WeightAverages current = averages();
        current.update();
        observers.forEach(observer -> observer.afterStep(current));
        if (current.step() % metricsEvery == 0) {
            report(current);
        }
    }

    private void report(WeightAverages current) {
        Metrics users = metrics == null ? requireTrainer().getMetrics() : metrics.users();
        if (users != null) {
            users.addMetric(STEP_METRIC, current.step());
            for (String name : current.names()) {
                WeightAverage average = current.get(name);
                String suffix = average == current.main() ? "" : "_" + name;
                users.addMetric(DECAY_METRIC + suffix, average.decay());
                users.addMetric(DISTANCE_METRIC + suffix, average.distance());
            }
        }
    }

    private Trainer requireTrainer() {
        if (trainer == null) {
            throw new IllegalStateException(
                    "No trainer is open: add the listener to a TrainingConfig before newTrainer");
        }
        return trainer;
    }

    /** Tells whether the first step replaces the start of the average. */
    private static boolean copiesFirst(AveragingRule rule) {
        return rule instanceof DecaySchedule schedule && schedule.decayAt(1) == 0;
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
        if (averages == null) {
            throw new IllegalStateException(
                    "The average has not started: train at least one step before using it");
        }
        return averages;
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

    /** Frees the average. */
    @Override
    public void close() {
        if (averages != null) {
            averages.close();
        }
    }
}
