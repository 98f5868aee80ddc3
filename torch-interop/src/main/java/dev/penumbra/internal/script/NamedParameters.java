// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.util.Pair;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** The parameters of a block by their names. */
public final class NamedParameters {

    private NamedParameters() {}

    /**
     * Returns the parameters of a block, in its order, and then the {@link ScriptBlocks#buffers
     * buffers} of the TorchScript blocks within it. One that several children share appears once,
     * under its first name.
     *
     * @param block the block
     * @return the parameters by name
     * @throws IllegalStateException if one has no array yet
     * @throws IllegalArgumentException if the buffers of a TorchScript block cannot be shown
     */
    public static Map<String, Parameter> of(Block block) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        seen.addAll(ScriptBlocks.repeated(block));
        for (Pair<String, Parameter> pair : block.getParameters()) {
            if (!pair.getValue().isInitialized()) {
                throw new IllegalStateException(
                        "The model has no weights yet: call trainer.initialize(...) before"
                                + " training");
            }
            if (seen.add(pair.getValue())) {
                parameters.put(pair.getKey(), pair.getValue());
            }
        }
        parameters.putAll(ScriptBlocks.buffers(block));
        return parameters;
    }
}
