// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.state;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import dev.penumbra.internal.script.NamedParameters;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The parameters of a block, running statistics and other buffers among them, each once. For a
 * second model of a training, such as a discriminator or a teacher.
 *
 * @param block the block, with initialized parameters
 */
public record ModelState(Block block) implements Stateful {

    private Map<String, NDArray> arrays() {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        NamedParameters.of(block)
                .forEach((name, parameter) -> arrays.put(name, parameter.getArray()));
        return arrays;
    }

    @Override
    public State state() {
        return new State(arrays(), Map.of());
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved);
        arrays().forEach(check::array);
        return check.end();
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        for (Map.Entry<String, NDArray> array : arrays().entrySet()) {
            saved.readInto(array.getKey(), array.getValue());
        }
    }
}
