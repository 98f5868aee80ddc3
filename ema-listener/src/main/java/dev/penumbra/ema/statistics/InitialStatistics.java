// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.update.internal.TrackedParameter;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.WeightSwap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * The running statistics that a model has before its first forward pass, which changes them before
 * the first step moves the weights.
 */
public final class InitialStatistics implements AutoCloseable {

    private final NDManager manager;
    private final IdentityHashMap<Parameter, NDArray> values = new IdentityHashMap<>();

    private InitialStatistics(NDManager manager) {
        this.manager = manager;
    }

    /** Begins without statistics. */
    public static InitialStatistics of(Model model) {
        return new InitialStatistics(model.getNDManager().newSubManager());
    }

    /** Copies the statistics that parameters have, in place of earlier copies. */
    public void take(Iterable<Parameter> parameters) {
        for (Parameter parameter : parameters) {
            if (TrackedParameter.isStatistics(parameter) && parameter.isInitialized()) {
                NDArray copy = parameter.getArray().duplicate();
                copy.attach(manager);
                NDArray replaced = values.put(parameter, copy);
                if (replaced != null) {
                    replaced.close();
                }
            }
        }
    }

    /** Gives averaged weights that have just begun the statistics of before the forward pass. */
    public void restore(ModelWeights weights, Set<Parameter> begun) {
        for (ModelWeights.Entry entry : weights.entries()) {
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
