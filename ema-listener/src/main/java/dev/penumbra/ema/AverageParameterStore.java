// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A parameter store that answers with averages, so that a block runs with averaged weights and
 * nothing has to be exchanged or restored.
 *
 * <p>An average of another type or on another device than the block needs is converted once per
 * store; the converted arrays hang on the store's manager.
 */
final class AverageParameterStore extends ParameterStore {

    private final NDManager manager;
    private final IdentityHashMap<Parameter, NDArray> averages = new IdentityHashMap<>();

    AverageParameterStore(NDManager manager, List<TrackedParameter> parameters) {
        super(manager, false);
        this.manager = manager;
        for (TrackedParameter parameter : parameters) {
            averages.put(parameter.parameter(), parameter.average());
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
        NDArray online = parameter.getArray();
        if (average.getDataType() == online.getDataType() && average.getDevice().equals(device)) {
            return average;
        }
        NDArray converted = average.toType(online.getDataType(), true).toDevice(device, false);
        converted.attach(manager);
        averages.put(parameter, converted);
        return converted;
    }
}
