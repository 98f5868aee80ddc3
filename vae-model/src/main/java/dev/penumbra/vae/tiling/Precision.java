// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;

/** The types in which things are computed. */
final class Precision {

    private Precision() {}

    /** The type in which values of a type are normalized and compared: at least single. */
    static DataType wide(DataType type) {
        return type == DataType.FLOAT16 ? DataType.FLOAT32 : type;
    }

    /** An array in another type, instead of itself; the argument if it has the type. */
    static NDArray to(NDArray x, DataType type) {
        if (x.getDataType() == type) {
            return x;
        }
        try (x) {
            return x.toType(type, false);
        }
    }
}
