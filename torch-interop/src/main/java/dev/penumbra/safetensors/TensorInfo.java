// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.ndarray.types.Shape;

/**
 * A tensor of a file, as the header describes it.
 *
 * @param name the name
 * @param type the type of the values
 * @param shape the shape; row-major
 * @param begin where its first byte is, counted from the end of the header
 * @param end where its last byte ends, counted from the end of the header
 */
public record TensorInfo(String name, TensorType type, Shape shape, long begin, long end) {

    /**
     * Returns the size of the values.
     *
     * @return the size in bytes
     */
    public long byteLength() {
        return end - begin;
    }
}
