// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.state.State;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Copies of arrays in the memory of the host, which are written while the training goes on. The
 * same memory serves all checkpoints of a training.
 */
final class HostCopies implements AutoCloseable {

    private final NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    private final Map<String, NDArray> copies = new HashMap<>();

    /** Copies the arrays of all parts, in place of those of the last call. */
    Map<String, State> copy(Map<String, State> parts) {
        List<NDArray> sources = new ArrayList<>();
        List<NDArray> targets = new ArrayList<>();
        Map<String, State> staged = new LinkedHashMap<>();
        parts.forEach(
                (part, state) -> {
                    Map<String, NDArray> arrays = new LinkedHashMap<>();
                    state.arrays()
                            .forEach(
                                    (name, array) -> {
                                        NDArray copy = copyFor(part + "/" + name, array);
                                        sources.add(array);
                                        targets.add(copy);
                                        arrays.put(name, copy);
                                    });
                    staged.put(part, new State(arrays, state.values()));
                });
        if (!sources.isEmpty()) {
            try (TensorList target = TensorList.of(targets);
                    TensorList source = TensorList.of(sources)) {
                ForeachOps.copy(target, source);
            }
        }
        return staged;
    }

    private NDArray copyFor(String name, NDArray array) {
        NDArray copy = copies.get(name);
        boolean fits =
                copy != null
                        && copy.getShape().equals(array.getShape())
                        && copy.getDataType() == array.getDataType();
        if (copy != null && fits) {
            return copy;
        }
        if (copy != null) {
            copy.close();
        }
        NDArray begun = manager.zeros(array.getShape(), array.getDataType());
        copies.put(name, begun);
        return begun;
    }

    @Override
    public void close() {
        copies.clear();
        manager.close();
    }
}
