// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.safetensors.TensorMatch;
import dev.penumbra.safetensors.TensorSpec;
import dev.penumbra.safetensors.TypeConversion;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Reads the tensors of a file into weights, after comparing all of them. */
final class WeightsReader {

    private final WeightFiles file;
    private final Layout layout;
    private final TypeConversion conversion;

    WeightsReader(WeightFiles file, Layout layout, TypeConversion conversion) {
        this.file = file;
        this.layout = layout;
        this.conversion = Objects.requireNonNull(conversion, "conversion");
    }

    /** The tensors of something else than the autoencoder. */
    List<String> unread() {
        return file.tensors().keySet().stream().filter(layout::isElsewhere).toList();
    }

    /** Reads weights by their names in the file; all of them change or none. */
    void read(Map<String, NDArray> weights) throws IOException {
        match(weights).require(file.path());
        NDManager owner = weights.values().iterator().next().getManager();
        try (NDManager scope = owner.newSubManager()) {
            List<NDArray> read = new ArrayList<>();
            for (Map.Entry<String, NDArray> entry : weights.entrySet()) {
                read.add(read(scope, entry.getKey(), entry.getValue()));
            }
            try (TensorList targets = TensorList.of(List.copyOf(weights.values()));
                    TensorList sources = TensorList.of(read)) {
                ForeachOps.copy(targets, sources);
            }
        }
    }

    /** The values of a tensor, with the shape, the type and the device of a weight. */
    private NDArray read(NDManager scope, String name, NDArray weight) throws IOException {
        Shape inFile = Objects.requireNonNull(file.tensors().get(name)).shape();
        NDArray values = scope.create(inFile, weight.getDataType(), weight.getDevice());
        file.readInto(name, values, conversion);
        return values.reshape(weight.getShape());
    }

    private TensorMatch match(Map<String, NDArray> weights) {
        Map<String, TensorSpec> expected = new LinkedHashMap<>();
        weights.forEach((name, array) -> expected.put(name, TensorSpec.of(array)));
        return match(file, layout, expected, conversion);
    }

    /** Compares what is expected under the names of a layout with the autoencoder in a file. */
    static TensorMatch match(
            WeightFiles file,
            Layout layout,
            Map<String, TensorSpec> expected,
            TypeConversion conversion) {
        Map<String, TensorSpec> found = new LinkedHashMap<>();
        for (TensorInfo tensor : file.tensors().values()) {
            if (!layout.isElsewhere(tensor.name())) {
                TensorSpec weight = expected.get(tensor.name());
                Shape shape = tensor.shape();
                Shape read = weight == null ? shape : KeyFamily.squeezed(shape, weight.shape());
                found.put(tensor.name(), new TensorSpec(read, tensor.type()));
            }
        }
        return TensorMatch.of(expected, found, conversion);
    }
}
