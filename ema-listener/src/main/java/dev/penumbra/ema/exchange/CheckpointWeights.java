// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.checkpoint.Checkpoint;
import dev.penumbra.checkpoint.CheckpointPart;
import dev.penumbra.ema.merge.WeightedSum;
import dev.penumbra.ema.weights.ModelWeights;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Online and averaged weights from checkpoints. */
public final class CheckpointWeights {

    private static final String RULE = "/rule";
    private static final String CARRY = "/carry";

    private CheckpointWeights() {}

    /**
     * Loads one set of weights from a checkpoint, after its file has been compared with its sum.
     *
     * @param checkpoint the checkpoint
     * @param model the model, with initialized parameters, which keeps its own weights
     * @param weights the name of an average, or {@link Checkpoint#MODEL} for the online weights
     * @return the weights; the caller closes them
     * @throws IOException if they cannot be read or are damaged
     * @throws IllegalArgumentException if the checkpoint has no such weights, or those of another
     *     model, or several averages of this name
     */
    public static ModelWeights load(Checkpoint checkpoint, Model model, String weights)
            throws IOException {
        if (weights.equals(Checkpoint.MODEL)) {
            return load(checkpoint, model, Checkpoint.MODEL, "");
        }
        List<String> parts =
                checkpoint.info().values().entrySet().stream()
                        .filter(part -> part.getValue().containsKey(weights + RULE))
                        .map(Map.Entry::getKey)
                        .toList();
        if (parts.isEmpty()) {
            throw new IllegalArgumentException(
                    "weights must be an average of the checkpoint, got " + weights);
        }
        if (parts.size() > 1) {
            throw new IllegalArgumentException(
                    "weights must be in one part of the checkpoint, got "
                            + weights
                            + " in "
                            + parts);
        }
        return load(checkpoint, model, parts.get(0), weights + "/");
    }

    private static ModelWeights load(Checkpoint checkpoint, Model model, String name, String prefix)
            throws IOException {
        try (CheckpointPart part = checkpoint.openPart(name);
                NDManager scope = model.getNDManager().newSubManager();
                WeightedSum sum = new WeightedSum(model)) {
            Map<String, NDArray> arrays = new LinkedHashMap<>();
            for (String array : part.tensors().keySet()) {
                if (array.startsWith(prefix) && !array.endsWith(CARRY)) {
                    arrays.put(array.substring(prefix.length()), part.read(array, scope));
                }
            }
            sum.add(arrays, 1);
            return sum.weights();
        }
    }
}
