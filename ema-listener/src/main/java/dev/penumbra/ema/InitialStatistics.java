// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * The running statistics that a model has before its first forward pass, which changes them before
 * the first step moves the weights.
 */
final class InitialStatistics implements AutoCloseable {

    private final NDManager manager;
    private final IdentityHashMap<Parameter, NDArray> values = new IdentityHashMap<>();

    private InitialStatistics(NDManager manager) {
        this.manager = manager;
    }

    /** Copies the statistics that the model has. */
    static InitialStatistics of(Model model) {
        InitialStatistics statistics = new InitialStatistics(model.getNDManager().newSubManager());
        for (Parameter parameter : model.getBlock().getParameters().values()) {
            Parameter.Type type = parameter.getType();
            boolean running =
                    type == Parameter.Type.RUNNING_MEAN || type == Parameter.Type.RUNNING_VAR;
            if (running && parameter.isInitialized()) {
                NDArray copy = parameter.getArray().duplicate();
                copy.attach(statistics.manager);
                statistics.values.put(parameter, copy);
            }
        }
        return statistics;
    }

    /** Gives an average that has just begun the statistics of before the forward pass. */
    void restore(WeightAverage average, Set<Parameter> begun) {
        for (ModelWeights.Entry entry : average.weights().entries()) {
            NDArray value = values.get(entry.parameter());
            if (value != null
                    && begun.contains(entry.parameter())
                    && value.getShape().equals(entry.array().getShape())) {
                WeightSwap.copy(List.of(entry.array()), List.of(value));
            }
        }
    }

    @Override
    public void close() {
        values.clear();
        manager.close();
    }
}
