// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.TensorMatch;
import dev.penumbra.safetensors.TensorSpec;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;

/** Reads the tensors of a file as the weights of a model, after comparing all of them. */
final class WeightsReader {

    private final SafetensorsFile file;
    private final ImportSettings settings;

    /** The names in the file by those under which the model's are looked for. */
    private final Map<String, String> names = new LinkedHashMap<>();

    /** Tensors that the file must have beside the weights. */
    private final Map<String, TensorSpec> others = new LinkedHashMap<>();

    WeightsReader(SafetensorsFile file, ImportSettings settings) {
        this.file = file;
        this.settings = settings;
        file.tensors().keySet().forEach(name -> names.put(name, name));
    }

    /** Looks for names in another form. */
    WeightsReader renamed(UnaryOperator<String> form) throws IOException {
        names.clear();
        for (String name : file.tensors().keySet()) {
            String other = names.put(form.apply(name), name);
            if (other != null) {
                throw new IOException(
                        "Cannot read "
                                + file.path()
                                + ": names must differ without the wrappers of torch, got '"
                                + other
                                + "' and '"
                                + name
                                + "'");
            }
        }
        return this;
    }

    /** Requires a tensor that is no weight. */
    WeightsReader with(String name, TensorSpec spec) {
        others.put(name, spec);
        return this;
    }

    /** Reads the weights; the caller closes them. */
    ModelWeights read(Model model, ParameterNames parameters) throws IOException {
        ModelWeights weights = ModelWeights.copyOf(model);
        try {
            Map<String, NDArray> arrays = weights.arrays();
            parameters.requireOf(arrays.keySet());
            match(arrays, parameters).require(file.path());
            for (Map.Entry<String, NDArray> entry : arrays.entrySet()) {
                String name = names.get(parameters.fileName(entry.getKey()));
                settings.conversion()
                        .readInto(file, Objects.requireNonNull(name), entry.getValue());
            }
            return weights;
        } catch (IOException | RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    private TensorMatch match(Map<String, NDArray> arrays, ParameterNames parameters) {
        Map<String, TensorSpec> expected = new LinkedHashMap<>();
        arrays.forEach(
                (parameter, array) ->
                        expected.put(parameters.fileName(parameter), TensorSpec.of(array)));
        expected.putAll(others);
        Map<String, TensorSpec> specs = TensorSpec.in(file);
        Map<String, TensorSpec> found = new LinkedHashMap<>();
        names.forEach(
                (name, inFile) -> {
                    if (expected.containsKey(name) || !settings.ignores(name)) {
                        found.put(name, Objects.requireNonNull(specs.get(inFile)));
                    }
                });
        return TensorMatch.of(expected, found, settings.conversion());
    }
}
