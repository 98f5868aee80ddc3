// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A parameter store that answers with averages, so that a block runs with averaged weights and
 * nothing has to be exchanged or restored.
 *
 * <p>An average of another type or on another device than the block needs is converted once per
 * store. In training mode, blocks change their buffers, so they get copies of them.
 */
public final class WeightsStore extends ParameterStore {

    private final NDManager manager;
    private final IdentityHashMap<Parameter, NDArray> averages = new IdentityHashMap<>();
    private final IdentityHashMap<Parameter, NDArray> views = new IdentityHashMap<>();
    private final IdentityHashMap<Parameter, NDArray> buffers = new IdentityHashMap<>();

    /**
     * Creates a store that gives a block other weights.
     *
     * @param manager the manager of the views that blocks get
     * @param entries the weights
     */
    public WeightsStore(NDManager manager, List<ModelWeights.Entry> entries) {
        super(manager, false);
        this.manager = manager;
        for (ModelWeights.Entry entry : entries) {
            averages.put(entry.parameter(), entry.array());
        }
    }

    @Override
    @SuppressWarnings("NullAway") // DJL passes null for an optional parameter and expects null
    public NDArray getValue(@Nullable Parameter parameter, Device device, boolean training) {
        if (parameter == null) {
            return null;
        }
        NDArray average = averages.get(parameter);
        if (average == null) {
            throw new IllegalStateException(
                    "The average has no values for parameter '"
                            + parameter.getName()
                            + "', which appeared after averaging began");
        }
        NDArray view = views.computeIfAbsent(parameter, key -> view(average, key, device));
        if (!training || parameter.requiresGradient()) {
            return view;
        }
        return buffers.computeIfAbsent(parameter, key -> view.duplicate());
    }

    /** The parameters that no forward pass with this store has asked for. */
    Set<Parameter> unasked() {
        Set<Parameter> unasked = Collections.newSetFromMap(new IdentityHashMap<>());
        unasked.addAll(averages.keySet());
        unasked.removeAll(views.keySet());
        return unasked;
    }

    /**
     * The average as the block needs it, on the store's manager: what operations on it leave behind
     * goes with the store.
     */
    private NDArray view(NDArray average, Parameter parameter, Device device) {
        DataType type = parameter.getArray().getDataType();
        NDArray view = average.stopGradient();
        view.attach(manager);
        if (average.getDataType() != type) {
            view = view.toType(type, false);
        }
        if (!average.getDevice().equals(device)) {
            view = view.toDevice(device, false);
        }
        return view;
    }
}
