// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * What a tensor is apart from its name and its values.
 *
 * @param shape the shape; row-major
 * @param type the type of the values
 */
public record TensorSpec(Shape shape, TensorType type) {

    /** Checks the components. */
    public TensorSpec {
        Objects.requireNonNull(shape, "shape");
        Objects.requireNonNull(type, "type");
    }

    /**
     * Returns what an array is.
     *
     * @param array the array
     * @return its shape and type
     * @throws IllegalArgumentException if files cannot hold its type
     */
    public static TensorSpec of(NDArray array) {
        return new TensorSpec(array.getShape(), TensorType.of(array.getDataType()));
    }

    /**
     * Returns what the tensors of a file are.
     *
     * @param file the file
     * @return their shapes and types by name, in the order of the file
     */
    public static Map<String, TensorSpec> in(SafetensorsFile file) {
        Map<String, TensorSpec> specs = new LinkedHashMap<>();
        file.tensors()
                .forEach(
                        (name, info) -> specs.put(name, new TensorSpec(info.shape(), info.type())));
        return specs;
    }

    /** Returns the type and the shape, {@code F32 (64, 3, 3, 3)}. */
    @Override
    public String toString() {
        return type + " " + shape;
    }
}
