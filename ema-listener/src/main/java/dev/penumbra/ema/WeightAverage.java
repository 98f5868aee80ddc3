// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The averaged weights of a model.
 *
 * <p>\[ \bar\theta_t = \bar\theta_{t-1} + (1 - \beta_t) (\theta_t - \bar\theta_{t-1}) \]
 *
 * <p>The average starts as a copy of the weights and moves once per call of {@link #update()},
 * after each optimizer step. A weight that does not change is a fixed point, bit for bit. A
 * parameter that several blocks share is averaged once.
 *
 * <p>The averaged arrays hang on a sub-manager of the model's manager: they live until {@link
 * #close()} or until the model is closed, not only until a trainer is. Not safe for use by several
 * threads at once.
 */
public final class WeightAverage implements AutoCloseable {

    private final Model model;
    private final Block block;
    private final EmaConfig config;
    private final NDManager manager;
    private final List<TrackedParameter> parameters;
    private final NDArray[] arrays;
    private final boolean[] trainable;
    private final boolean portable;
    private Averager averager;
    private long step;
    private boolean swapped;

    private WeightAverage(
            Model model,
            EmaConfig config,
            NDManager manager,
            List<TrackedParameter> parameters,
            boolean portable) {
        this.model = model;
        this.block = model.getBlock();
        this.config = config;
        this.manager = manager;
        this.parameters = parameters;
        this.portable = portable;
        arrays = new NDArray[parameters.size()];
        trainable = new boolean[parameters.size()];
        averager = newAverager();
    }

    /**
     * Starts an average as a copy of the model's weights.
     *
     * @param model the model, with initialized parameters
     * @param config the settings
     * @return the average; the caller closes it
     * @throws IllegalStateException if the model has no weights yet
     */
    public static WeightAverage of(Model model, EmaConfig config) {
        boolean portable = !"PyTorch".equals(model.getNDManager().getEngine().getEngineName());
        return of(model, config, portable);
    }

    static WeightAverage of(Model model, EmaConfig config, boolean portable) {
        NDManager manager = model.getNDManager().newSubManager();
        manager.setName("average");
        try {
            List<TrackedParameter> parameters = track(model.getBlock(), config, manager);
            WeightAverage average = new WeightAverage(model, config, manager, parameters, portable);
            average.averager.copyOnline();
            return average;
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    private static List<TrackedParameter> track(Block block, EmaConfig config, NDManager manager) {
        List<TrackedParameter> parameters = new ArrayList<>();
        Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Pair<String, Parameter> pair : block.getParameters()) {
            if (!pair.getValue().isInitialized()) {
                throw new IllegalStateException(
                        "The model has no weights yet: call trainer.initialize(...) before"
                                + " training");
            }
            if (seen.add(pair.getValue())) {
                parameters.add(
                        TrackedParameter.of(pair.getKey(), pair.getValue(), config, manager));
            }
        }
        if (parameters.isEmpty()) {
            throw new IllegalStateException("The model has no parameters to average");
        }
        return List.copyOf(parameters);
    }

    /**
     * Averages the online weights of the optimizer step just taken.
     *
     * @throws IllegalStateException if the average is closed or swapped in
     */
    public void update() {
        requireSwappedOut();
        current().update(config.schedule().weightAt(step + 1));
        step++;
    }

    /** The arithmetic for the model's present arrays. */
    private Averager current() {
        if (!isCurrent()) {
            requireShapes();
            Averager replaced = averager;
            averager = newAverager();
            replaced.close();
        }
        return averager;
    }

    /** An online array is replaced when a model is loaded; a parameter may be frozen or thawed. */
    private boolean isCurrent() {
        for (int i = 0; i < arrays.length; i++) {
            Parameter parameter = parameters.get(i).parameter();
            if (parameter.getArray() != arrays[i] || parameter.requiresGradient() != trainable[i]) {
                return false;
            }
        }
        return true;
    }

    private void requireShapes() {
        for (TrackedParameter tracked : parameters) {
            Shape shape = tracked.parameter().getArray().getShape();
            if (!shape.equals(tracked.average().getShape())) {
                throw new IllegalStateException(
                        "parameter '"
                                + tracked.name()
                                + "' must keep the shape "
                                + tracked.average().getShape()
                                + ", got "
                                + shape);
            }
        }
    }

    private Averager newAverager() {
        for (int i = 0; i < arrays.length; i++) {
            TrackedParameter tracked = parameters.get(i);
            arrays[i] = tracked.parameter().getArray();
            trainable[i] = tracked.parameter().requiresGradient();
        }
        return portable
                ? new PortableAverager(parameters, config.buffers())
                : new NativeAverager(parameters, config.buffers());
    }

    List<TrackedParameter> parameters() {
        return parameters;
    }

    /**
     * Returns the number of steps averaged so far.
     *
     * @return the number, at least 0
     */
    public long step() {
        return step;
    }

    /**
     * Returns the decay of the latest step.
     *
     * @return the decay, in [0, 1]; before any step that of the schedule at step 0
     */
    public double decay() {
        return config.schedule().decayAt(step);
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
     * Returns the Euclidean distance between the averaged and the online trainable weights that are
     * averaged.
     *
     * @return the distance, at least 0
     */
    public double distance() {
        requireSwappedOut();
        return current().distance();
    }

    /**
     * Returns the averaged arrays by the names of the block's parameters, in its order. Shared
     * parameters appear once. The arrays stay this object's: they change with every update.
     *
     * @return the arrays; same shapes as the parameters
     */
    public Map<String, NDArray> arrays() {
        requireSwappedOut();
        Map<String, NDArray> named = new LinkedHashMap<>();
        parameters.forEach(parameter -> named.put(parameter.name(), parameter.average()));
        return Collections.unmodifiableMap(named);
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
        requireStarted();
        try (NDManager scope = manager.newSubManager()) {
            NDList outputs = block.forward(parameterStore(scope), inputs, false);
            // An operation on a parameter leaves its result on the parameter's manager.
            outputs.attach(inputs.getManager());
            return outputs;
        }
    }

    /**
     * Returns a parameter store that answers with averaged weights, for code that calls {@code
     * block.forward(store, inputs, false)} itself. It is valid until the next update.
     *
     * @param scope the manager of what must be converted to another type or device
     * @return the store
     * @throws IllegalStateException if no step has been averaged
     */
    public ParameterStore parameterStore(NDManager scope) {
        requireStarted();
        return new AverageParameterStore(scope, parameters);
    }

    /**
     * Exchanges the online weights for the averaged ones, in place, for code that needs the block's
     * own arrays, such as a {@code Predictor}. Closing the scope restores the online weights bit
     * for bit.
     *
     * <pre>{@code
     * try (var scope = average.swapIn()) {
     *     predictor.predict(input);
     * }
     * }</pre>
     *
     * @return the scope
     * @throws IllegalStateException if no step has been averaged or the average is swapped in
     */
    public SwapScope swapIn() {
        requireStarted();
        current().swapIn();
        swapped = true;
        return new SwapScope(this);
    }

    void swapOut() {
        if (swapped) {
            swapped = false;
            averager.swapOut();
        }
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
     * @throws IllegalStateException if no step has been averaged
     */
    @SuppressWarnings("try") // the scope only has to be closed
    public Path save(Path directory, String name) throws IOException {
        try (SwapScope scope = swapIn()) {
            Map<String, String> properties = new LinkedHashMap<>(model.getProperties());
            properties.put("ema_step", Long.toString(step));
            properties.put("ema_decay", Double.toString(decay()));
            properties.put("ema_schedule", config.schedule().toString());
            return ModelFiles.save(model, properties, directory, name);
        }
    }

    private void requireStarted() {
        requireSwappedOut();
        if (step == 0) {
            throw new IllegalStateException(
                    "The average has not been updated yet: train at least one step before using"
                            + " it");
        }
    }

    private void requireSwappedOut() {
        if (!manager.isOpen()) {
            throw new IllegalStateException("The average is closed");
        }
        if (swapped) {
            throw new IllegalStateException("The average is swapped in: close its scope first");
        }
    }

    /** Frees the averaged arrays; an open swap is undone first. */
    @Override
    public void close() {
        if (manager.isOpen()) {
            swapOut();
            averager.close();
            manager.close();
        }
    }
}
