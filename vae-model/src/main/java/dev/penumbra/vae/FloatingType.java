// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.types.DataType;
import java.util.EnumSet;
import java.util.Set;

/** The types that weights can have. */
final class FloatingType {

    private static final Set<DataType> TYPES =
            EnumSet.of(DataType.FLOAT16, DataType.FLOAT32, DataType.FLOAT64);

    private FloatingType() {}

    /** Refuses other types before DJL asks for them, which ends the process for some. */
    static void require(DataType dataType) {
        if (!TYPES.contains(dataType)) {
            throw new IllegalArgumentException(
                    "dataType must be float16, float32 or float64, which DJL's PyTorch engine can"
                            + " compute with, got "
                            + dataType);
        }
    }
}
