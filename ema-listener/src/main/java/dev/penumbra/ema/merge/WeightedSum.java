// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.merge;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.ema.weights.WeightsMemory;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A linear combination of several sets of weights, \( \sum_i c_i \theta_i \), built one set at a
 * time, so that memory holds the sum and one set whatever their number.
 *
 * <p>Floating-point values are summed in float64. Other values are those of the set added last.
 */
public final class WeightedSum implements AutoCloseable {

    private final Model model;
    private final NDManager manager;
    private final Map<String, Parameter> parameters;
    private final Map<String, NDArray> sums = new java.util.LinkedHashMap<>();

    /**
     * Starts an empty sum.
     *
     * @param model the model whose parameters the sets of weights belong to
     * @throws IllegalStateException if the model has no weights yet
     */
    public WeightedSum(Model model) {
        this.model = model;
        parameters = ModelWeights.parametersOf(model.getBlock());
        manager = model.getNDManager().newSubManager();
        parameters.forEach(
                (name, parameter) -> {
                    NDArray online = parameter.getArray();
                    DataType type =
                            online.getDataType().isFloating()
                                    ? DataType.FLOAT64
                                    : online.getDataType();
                    sums.put(name, manager.zeros(online.getShape(), type, online.getDevice()));
                });
    }

    /**
     * Adds a set of weights.
     *
     * @param weights the arrays by the names of the parameters; same shapes, any floating type
     * @param coefficient the coefficient \( c \), finite
     * @throws IllegalArgumentException if a name is missing or unknown, a shape differs or the
     *     coefficient is not finite; nothing has been added then
     */
    public void add(Map<String, NDArray> weights, double coefficient) {
        if (!Double.isFinite(coefficient)) {
            throw new IllegalArgumentException("coefficient must be finite, got " + coefficient);
        }
        requireSameNames(weights);
        List<NDArray> targets = new ArrayList<>();
        List<NDArray> sources = new ArrayList<>();
        List<NDArray> copied = new ArrayList<>();
        List<NDArray> copies = new ArrayList<>();
        sums.forEach(
                (name, sum) -> {
                    NDArray array = java.util.Objects.requireNonNull(weights.get(name));
                    boolean floating = sum.getDataType().isFloating();
                    (floating ? targets : copied).add(sum);
                    (floating ? sources : copies).add(array);
                });
        if (!targets.isEmpty()) {
            try (TensorList target = TensorList.of(targets);
                    TensorList source = TensorList.of(sources)) {
                ForeachOps.add(target, source, coefficient);
            }
        }
        if (!copied.isEmpty()) {
            try (TensorList target = TensorList.of(copied);
                    TensorList source = TensorList.of(copies)) {
                ForeachOps.copy(target, source);
            }
        }
    }

    private void requireSameNames(Map<String, NDArray> weights) {
        for (String name : weights.keySet()) {
            if (!sums.containsKey(name)) {
                throw new IllegalArgumentException("The model has no parameter '" + name + "'");
            }
        }
        sums.forEach(
                (name, sum) -> {
                    NDArray array = weights.get(name);
                    if (array == null) {
                        throw new IllegalArgumentException(
                                "weights must have parameter '" + name + "', got none");
                    }
                    if (!array.getShape().equals(sum.getShape())) {
                        throw new IllegalArgumentException(
                                "parameter '"
                                        + name
                                        + "' must have the shape "
                                        + sum.getShape()
                                        + ", got "
                                        + array.getShape());
                    }
                });
    }

    /**
     * Returns the sum so far.
     *
     * @return the weights, floating-point values in float32 or the parameter's wider type; the
     *     caller closes them
     */
    public ModelWeights weights() {
        return weights(1);
    }

    /** Returns the sum divided by a number; values that are not floating-point stay as they are. */
    public ModelWeights weights(double divisor) {
        return weights(Map.of(), divisor);
    }

    /**
     * Returns what {@link #weights(double)} would be if a set were added, or none if it is empty.
     */
    ModelWeights weights(Map<String, NDArray> addend, double divisor) {
        WeightsMemory own = WeightsMemory.of(model, "The set of weights");
        List<Entry> entries = new ArrayList<>();
        sums.forEach(
                (name, sum) -> {
                    Parameter parameter = java.util.Objects.requireNonNull(parameters.get(name));
                    DataType type = ModelWeights.averageType(parameter.getArray().getDataType());
                    NDArray array = quotient(sum, addend.get(name), divisor, type);
                    array.attach(own.manager());
                    entries.add(new Entry(name, parameter, array));
                });
        return new ModelWeights(model, own, entries);
    }

    private static NDArray quotient(
            NDArray sum, @Nullable NDArray addend, double divisor, DataType type) {
        if (!type.isFloating()) {
            return (addend == null ? sum : addend).duplicate();
        }
        try (NDArray total = addend == null ? sum.duplicate() : sum.add(addend)) {
            total.divi(divisor);
            return total.toType(type, true);
        }
    }

    /** Frees the sum. */
    @Override
    public void close() {
        manager.close();
    }
}
