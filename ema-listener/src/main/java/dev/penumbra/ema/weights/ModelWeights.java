// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.internal.ModelGate;
import dev.penumbra.internal.script.NamedParameters;
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
 * <p>Parameters that several blocks share have one value. The arrays live until {@link #close()} or
 * until the model is closed; both wait for what another thread does with them. Weights may be run,
 * evaluated, copied and saved in another thread than the one that trains the model.
 */
public final class ModelWeights implements AutoCloseable {

    /** One parameter and its second value; same shape. */
    public record Entry(String name, Parameter parameter, NDArray array) {}

    private final Model model;
    private final WeightsMemory memory;
    private final WeightsRun runs;
    private volatile List<Entry> entries;
    private volatile @Nullable WeightSwap swap;

    /**
     * Takes arrays as they are.
     *
     * @param memory the memory of the arrays
     */
    public ModelWeights(Model model, WeightsMemory memory, List<Entry> entries) {
        this.model = model;
        this.memory = memory;
        this.entries = List.copyOf(entries);
        runs = new WeightsRun(model);
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
        List<Entry> entries = new ArrayList<>();
        parametersOf(model.getBlock())
                .forEach((name, p) -> entries.add(new Entry(name, p, p.getArray())));
        return copyOf(model, entries);
    }

    private static ModelWeights copyOf(Model model, List<Entry> entries) {
        WeightsMemory memory = WeightsMemory.of(model, "The set of weights");
        try {
            List<Entry> copies = new ArrayList<>();
            for (Entry entry : entries) {
                NDArray copy = copy(entry.array(), memory.manager());
                copies.add(new Entry(entry.name(), entry.parameter(), copy));
            }
            return new ModelWeights(model, memory, copies);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static NDArray copy(NDArray array, NDManager manager) {
        try (NDArray values = array.stopGradient()) {
            NDArray copy = values.duplicate();
            copy.attach(manager);
            return copy;
        }
    }

    /**
     * Returns the parameters of a block, each once, under its first name.
     *
     * @throws IllegalStateException if there are none or one has no array
     */
    public static Map<String, Parameter> parametersOf(Block block) {
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
    @SuppressWarnings("try") // the use only has to end
    public ModelWeights copy() {
        try (WeightsMemory.Use use = use()) {
            return copyOf(model, entries);
        }
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

    /**
     * Returns the weights with their parameters.
     *
     * @return the entries, in the order of the block
     */
    public List<Entry> entries() {
        return entries;
    }

    /**
     * Returns the owner of the arrays.
     *
     * @return the memory
     */
    public WeightsMemory memory() {
        return memory;
    }

    /** Takes another list of parameters, after the model has changed its structure. */
    public void replace(List<Entry> replacement) {
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
    @SuppressWarnings("try") // the use only has to end
    public NDList forward(NDList inputs, boolean training) {
        try (WeightsMemory.Use use = use();
                NDManager scope = memory.manager().newSubManager()) {
            NDList outputs = runs.run(scope, entries, inputs, training);
            // An operation on a parameter leaves its result on the parameter's manager.
            outputs.attach(inputs.getManager());
            return outputs;
        }
    }

    /** Runs the model within a use; the outputs belong to the scope or to the inputs' manager. */
    NDList run(NDManager scope, NDList inputs) {
        return runs.run(scope, entries, inputs, false);
    }

    /**
     * Returns a parameter store that answers with these weights, for code that calls {@code
     * block.forward(store, inputs, training)} itself. It is valid until the weights change. Blocks
     * that read their arrays without the store, as those of TorchScript do, do not notice it.
     *
     * @param scope the manager of what must be converted to another type or device
     * @return the store
     */
    public ParameterStore parameterStore(NDManager scope) {
        requireUsable();
        return new WeightsStore(scope, entries);
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
        return WeightsEvaluation.run(this, trainer, dataset);
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
     * <p>What happens to the model's buffers within the scope, as by a forward pass in training
     * mode, ends with it. Optimizer steps are refused within the scope. Exchanging waits until no
     * other thread runs or copies these weights.
     *
     * @return the scope
     * @throws IllegalStateException if they are swapped in already, or another thread is in the
     *     middle of a training step
     */
    @SuppressWarnings("try") // the change only has to end
    public SwapScope swapIn() {
        requireUsable();
        // What saves these weights holds the gate, too, before it holds the memory.
        ModelGate.Exchange exchange = ModelGate.of(model).exchange();
        try (WeightsMemory.Use change = memory.change()) {
            requireUsable();
            requireShapes();
            swap = WeightSwap.of(exchange, memory.manager(), entries);
            return new SwapScope(this);
        } catch (RuntimeException e) {
            exchange.close();
            throw e;
        }
    }

    /** Ends an open exchange with the online weights; does nothing if there is none. */
    @SuppressWarnings("try") // the change only has to end
    public void swapOut() {
        if (swap == null) {
            return;
        }
        try (WeightsMemory.Use change = memory.change()) {
            WeightSwap open = swap;
            if (open != null) {
                swap = null;
                open.close();
            }
        }
    }

    /**
     * Tells whether these weights are in the model.
     *
     * @return whether they are
     */
    public boolean isSwappedIn() {
        return swap != null;
    }

    /** Takes the model's values, if the model still has these parameters; tells whether it has. */
    public boolean takeFromModel() {
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
    public void requireShapes() {
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
     * Predictor} accept. The file appears complete or not at all, and the model's own weights are
     * not touched.
     *
     * <p>Another thread that trains the model waits before its next step. Saving waits for the end
     * of its current one, up to ten seconds.
     *
     * <p>The properties of the model are saved with it. Those that are numbers with a fraction,
     * such as scores, are the online weights' and get names that begin with {@code online_}.
     *
     * @param directory the directory, created if it is missing
     * @param name the name of the model
     * @return the file
     * @throws IOException if it cannot be written, or a parameter has more than 2 GiB, which the
     *     format cannot hold
     */
    public Path save(Path directory, String name) throws IOException {
        return save(directory, name, Map.of());
    }

    /**
     * Saves a model with these weights and properties of its own.
     *
     * @param directory the folder
     * @param name the name of the model
     * @param properties properties beside those of the model
     * @return the file of the parameters
     * @throws IOException if it cannot be written
     */
    @SuppressWarnings("try") // the exchange and the change only have to end
    public Path save(Path directory, String name, Map<String, String> properties)
            throws IOException {
        requireUsable();
        // Nobody may look at the model's parameters while they present other arrays.
        try (ModelGate.Exchange exchange = ModelGate.of(model).exchangeBetweenSteps();
                WeightsMemory.Use change = memory.change()) {
            requireUsable();
            requireShapes();
            return ModelFiles.save(model, entries, properties, directory, name);
        }
    }

    /**
     * Puts these weights into the model for good. Its own are lost.
     *
     * @throws IllegalStateException if they are swapped in
     */
    @SuppressWarnings("try") // the exchange only has to end
    public void copyToModel() {
        requireUsable();
        requireShapes();
        try (ModelGate.Exchange exchange = ModelGate.of(model).briefExchange()) {
            WeightSwap.copyToModel(entries);
        }
    }

    /** Begins to read the arrays. */
    WeightsMemory.Use use() {
        while (true) {
            WeightsMemory.Use use = memory.read();
            if (swap == null) {
                return use;
            }
            use.close();
            // If the swap has just ended, they are usable again.
            requireUsable();
        }
    }

    /**
     * Requires that the weights are open and not swapped in.
     *
     * @throws IllegalStateException if they are not
     */
    public void requireUsable() {
        memory.requireOpen();
        if (swap != null) {
            throw new IllegalStateException("The weights are swapped in: close their scope first");
        }
    }

    /**
     * Returns the type in which weights are averaged. Half-precision weights move by less than
     * their rounding, so they are averaged in float32.
     *
     * @param online the type of the weights
     * @return the type of their average
     */
    public static DataType averageType(DataType online) {
        return online == DataType.FLOAT16 || online == DataType.BFLOAT16
                ? DataType.FLOAT32
                : online;
    }

    /** Frees the arrays, once what uses them has ended; an open swap is undone first. */
    @Override
    public void close() {
        if (memory.isOpen()) {
            swapOut();
            memory.close();
        }
    }
}
