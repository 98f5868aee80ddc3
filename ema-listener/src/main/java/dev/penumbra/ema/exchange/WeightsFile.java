// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.internal.script.NamedParameters;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.safetensors.TensorMismatchException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A safetensors file with the weights of a model, under names of the user's choice.
 *
 * <p>Running statistics and other buffers are weights here. Parameters that several blocks share
 * are in the file once.
 */
public final class WeightsFile {

    private WeightsFile() {}

    /**
     * Writes weights. The file appears complete or not at all.
     *
     * @param path the file, replaced if it exists
     * @param weights the weights
     * @param names the names in the file
     * @param settings the types and the metadata
     * @throws IOException if the file cannot be written; it is as it was before
     * @throws IllegalArgumentException if the names are not those of the model's parameters
     */
    public static void write(
            Path path, ModelWeights weights, ParameterNames names, ExportSettings settings)
            throws IOException {
        write(path, weights.arrays(), modelArrays(weights.model()), names, settings);
    }

    /**
     * Writes an average as it is now. The file appears complete or not at all.
     *
     * @param path the file, replaced if it exists
     * @param average the average
     * @param names the names in the file
     * @param settings the types and the metadata
     * @throws IOException if the file cannot be written; it is as it was before
     * @throws IllegalArgumentException if the names are not those of the model's parameters
     * @throws IllegalStateException if no step has moved the average, or its running statistics
     *     must be recomputed
     */
    public static void write(
            Path path, WeightAverage average, ParameterNames names, ExportSettings settings)
            throws IOException {
        try (ModelWeights weights = average.snapshot();
                NDManager scope = weights.model().getNDManager().newSubManager()) {
            average.parameterStore(scope); // Refuses running statistics that must be recomputed.
            write(path, weights, names, settings);
        }
    }

    /**
     * Writes a model's own weights. The file appears complete or not at all.
     *
     * @param path the file, replaced if it exists
     * @param model the model
     * @param names the names in the file
     * @param settings the types and the metadata
     * @throws IOException if the file cannot be written; it is as it was before
     * @throws IllegalArgumentException if the names are not those of the model's parameters
     * @throws IllegalStateException if the model has no weights yet
     */
    public static void write(Path path, Model model, ParameterNames names, ExportSettings settings)
            throws IOException {
        Map<String, NDArray> arrays = modelArrays(model);
        write(path, arrays, arrays, names, settings);
    }

    private static void write(
            Path path,
            Map<String, NDArray> arrays,
            Map<String, NDArray> own,
            ParameterNames names,
            ExportSettings settings)
            throws IOException {
        names.requireOf(arrays.keySet());
        Map<String, NDArray> named = new LinkedHashMap<>();
        arrays.forEach((parameter, array) -> named.put(names.fileName(parameter), array));
        Map<String, DataType> types = new LinkedHashMap<>();
        if (settings.types() == ExportSettings.Types.MODEL) {
            own.forEach(
                    (parameter, array) ->
                            types.put(names.fileName(parameter), array.getDataType()));
        }
        SafetensorsWriter.write(path, named, settings.metadata(), types);
    }

    /**
     * Reads weights beside those of a model, which stay as they are.
     *
     * @param path the file
     * @param model the model, with initialized parameters
     * @param names the names in the file
     * @param settings which types are converted and which tensors ignored
     * @return the weights, in the types and on the devices of the model's; the caller closes them
     * @throws TensorMismatchException if the file does not have exactly the model's parameters; the
     *     message lists all differences
     * @throws IOException if the file cannot be read
     * @throws IllegalArgumentException if the names are not those of the model's parameters
     * @throws IllegalStateException if the model has no weights yet
     */
    public static ModelWeights read(
            Path path, Model model, ParameterNames names, ImportSettings settings)
            throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            return new WeightsReader(file, settings).read(model, names);
        }
    }

    /**
     * Reads weights into a model. On failure its weights are as they were.
     *
     * @param path the file
     * @param model the model, with initialized parameters
     * @param names the names in the file
     * @param settings which types are converted and which tensors ignored
     * @throws TensorMismatchException if the file does not have exactly the model's parameters; the
     *     message lists all differences
     * @throws IOException if the file cannot be read
     * @throws IllegalArgumentException if the names are not those of the model's parameters
     * @throws IllegalStateException if the model has no weights yet
     */
    public static void load(Path path, Model model, ParameterNames names, ImportSettings settings)
            throws IOException {
        try (ModelWeights weights = read(path, model, names, settings)) {
            weights.copyToModel();
        }
    }

    private static Map<String, NDArray> modelArrays(Model model) {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        NamedParameters.of(model.getBlock())
                .forEach((name, parameter) -> arrays.put(name, parameter.getArray()));
        return arrays;
    }
}
