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
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.state.NamedParameters;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A second set of values for all parameters of a model, with which the model can be run, evaluated
 * and saved while its own weights stay as they are.
 *
 * <p>Parameters that several blocks share have one value. The arrays hang on a sub-manager of the
 * model's manager: they live until {@link #close()} or until the model is closed. Not safe for use
 * by several threads at once.
 */
public final class ModelWeights implements AutoCloseable {

    /** One parameter and its second value; same shape. */
    record Entry(String name, Parameter parameter, NDArray array) {}

    private final Model model;
    private final NDManager manager;
    private List<Entry> entries;
    private @Nullable WeightSwap swap;

    ModelWeights(Model model, NDManager manager, List<Entry> entries) {
        this.model = model;
        this.manager = manager;
        this.entries = List.copyOf(entries);
    }

    /**
     * Copies the weights that a model has.
     *
     * @param model the model, with initialized parameters
     * @return the copy, in the types and on the devices of the model's weights; the caller closes
     *     it
     * @throws IllegalStateException if the model has no weights yet
     */
    public static ModelWeights copyOf(Model model) {
        NDManager manager = model.getNDManager().newSubManager();
        manager.setName("weights");
        try {
            List<Entry> entries = new ArrayList<>();
            parametersOf(model.getBlock())
                    .forEach(
                            (name, parameter) ->
                                    entries.add(
                                            new Entry(name, parameter, copy(parameter, manager))));
            return new ModelWeights(model, manager, entries);
        } catch (RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    private static NDArray copy(Parameter parameter, NDManager manager) {
        try (NDArray online = parameter.getArray().stopGradient()) {
            NDArray copy = online.duplicate();
            copy.attach(manager);
            return copy;
        }
    }

    /**
     * Returns the parameters of a block, each once, under its first name.
     *
     * @throws IllegalStateException if there are none or one has no array
     */
    static Map<String, Parameter> parametersOf(Block block) {
        Map<String, Parameter> parameters = NamedParameters.of(block);
        if (parameters.isEmpty()) {
            throw new IllegalStateException("The model has no parameters to average");
        }
        return parameters;
    }

    /**
     * Returns an independent copy.
     *
     * @return the copy; the caller closes it
     */
    public ModelWeights copy() {
        requireUsable();
        NDManager own = model.getNDManager().newSubManager();
        own.setName("weights");
        List<Entry> copies = new ArrayList<>();
        for (Entry entry : entries) {
            NDArray array = entry.array().duplicate();
            array.attach(own);
            copies.add(new Entry(entry.name(), entry.parameter(), array));
        }
        return new ModelWeights(model, own, copies);
    }

    /**
     * Returns the model.
     *
     * @return the model, which owns the parameters
     */
    public Model model() {
        return model;
    }

    /**
     * Returns the arrays by the names of the block's parameters, in its order. They stay this
     * object's.
     *
     * @return the arrays; same shapes as the parameters
     */
    public Map<String, NDArray> arrays() {
        requireUsable();
        Map<String, NDArray> named = new LinkedHashMap<>();
        entries.forEach(entry -> named.put(entry.name(), entry.array()));
        return Collections.unmodifiableMap(named);
    }

    List<Entry> entries() {
        return entries;
    }

    NDManager manager() {
        return manager;
    }

    /** Takes another list of parameters, after the model has changed its structure. */
    void replace(List<Entry> replacement) {
        entries = List.copyOf(replacement);
    }

    /**
     * Runs the model with these weights, without dropout and without touching its own.
     *
     * <p>No gradient flows into these weights, so a teacher may be run while a gradient collector
     * records the student.
     *
     * @param inputs the inputs of the block
     * @return the outputs, on the manager of the inputs
     */
    public NDList forward(NDList inputs) {
        return forward(inputs, false);
    }

    /**
     * Runs the model with these weights, optionally in training mode: then dropout is on and
     * BatchNorm normalizes by the statistics of the batch. Neither these weights nor the model's
     * change, running statistics included, and no gradient flows into these weights.
     *
     * @param inputs the inputs of the block
     * @param training whether to run in training mode
     * @return the outputs, on the manager of the inputs
     */
    public NDList forward(NDList inputs, boolean training) {
        requireUsable();
        try (NDManager scope = manager.newSubManager()) {
            NDList outputs = model.getBlock().forward(parameterStore(scope), inputs, training);
            // An operation on a parameter leaves its result on the parameter's manager.
            outputs.attach(inputs.getManager());
            return outputs;
        }
    }

    /**
     * Returns a parameter store that answers with these weights, for code that calls {@code
     * block.forward(store, inputs, training)} itself. It is valid until the weights change.
     *
     * @param scope the manager of what must be converted to another type or device
     * @return the store
     */
    public ParameterStore parameterStore(NDManager scope) {
        requireUsable();
        return new AverageParameterStore(scope, entries);
    }

    /**
     * Evaluates these weights with the loss and the evaluators of a trainer of the model. What the
     * trainer accumulates for its own weights is left alone.
     *
     * @param trainer the trainer
     * @param dataset the data
     * @return the value of each evaluator, by its name
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     */
    public Map<String, Float> evaluate(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        return AverageEvaluation.run(this, trainer, dataset);
    }

    /**
     * Exchanges the model's own weights for these, in place, for code that needs the block's own
     * arrays, such as a {@code Predictor}. Closing the scope restores the model's weights bit for
     * bit.
     *
     * <pre>{@code
     * try (var scope = weights.swapIn()) {
     *     predictor.predict(input);
     * }
     * }</pre>
     *
     * @return the scope
     * @throws IllegalStateException if they are swapped in already
     */
    public SwapScope swapIn() {
        requireUsable();
        requireShapes();
        swap = WeightSwap.of(entries);
        return new SwapScope(this);
    }

    void swapOut() {
        WeightSwap open = swap;
        if (open != null) {
            swap = null;
            open.close();
        }
    }

    boolean isSwappedIn() {
        return swap != null;
    }

    /** Takes the model's values, if the model still has these parameters; tells whether it has. */
    boolean takeFromModel() {
        List<Parameter> parameters = List.copyOf(parametersOf(model.getBlock()).values());
        boolean same = parameters.size() == entries.size();
        for (int i = 0; same && i < parameters.size(); i++) {
            NDArray online = parameters.get(i).getArray();
            NDArray array = entries.get(i).array();
            same =
                    parameters.get(i) == entries.get(i).parameter()
                            && online.getShape().equals(array.getShape())
                            && online.getDataType() == array.getDataType();
        }
        if (same) {
            WeightSwap.copy(
                    entries.stream().map(Entry::array).toList(),
                    parameters.stream().map(Parameter::getArray).toList());
        }
        return same;
    }

    /** Checks that the model's arrays still have the shapes of these. */
    void requireShapes() {
        for (Entry entry : entries) {
            Shape shape = entry.parameter().getArray().getShape();
            if (!shape.equals(entry.array().getShape())) {
                throw new IllegalStateException(
                        "parameter '"
                                + entry.name()
                                + "' must keep the shape "
                                + entry.array().getShape()
                                + ", got "
                                + shape);
            }
        }
    }

    /**
     * Saves these weights as an ordinary DJL model, which {@code Model.load} and a {@code
     * Predictor} accept. The file appears complete or not at all.
     *
     * @param directory the directory, created if it is missing
     * @param name the name of the model
     * @return the file
     * @throws IOException if it cannot be written
     */
    public Path save(Path directory, String name) throws IOException {
        return save(directory, name, Map.of());
    }

    @SuppressWarnings("try") // the scope only has to be closed
    Path save(Path directory, String name, Map<String, String> properties) throws IOException {
        try (SwapScope scope = swapIn()) {
            Map<String, String> all = new LinkedHashMap<>(model.getProperties());
            all.putAll(properties);
            return ModelFiles.save(model, all, directory, name);
        }
    }

    /**
     * Puts these weights into the model for good. Its own are lost.
     *
     * @throws IllegalStateException if they are swapped in
     */
    public void copyToModel() {
        requireUsable();
        requireShapes();
        WeightSwap.copyToModel(entries);
    }

    void requireUsable() {
        if (!manager.isOpen()) {
            throw new IllegalStateException("The weights are closed");
        }
        if (swap != null) {
            throw new IllegalStateException("The weights are swapped in: close their scope first");
        }
    }

    /** Frees the arrays; an open swap is undone first. */
    @Override
    public void close() {
        if (manager.isOpen()) {
            swapOut();
            manager.close();
        }
    }
}
