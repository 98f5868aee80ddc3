// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import java.util.LinkedHashMap;
import java.util.Map;

/** The type of the values in snapshots. */
public enum SnapshotPrecision {
    /** The types of the average, which are float32 unless set otherwise: nothing is lost. */
    FULL,

    /**
     * float16, for half the space: each value is rounded by up to 1/2048 of itself, below 6e-5 by
     * up to 3e-8, and synthesis multiplies that by up to {@link Combination#amplification()}. Use
     * it where that is small against what the averages differ by. An array with a value beyond
     * 65504 keeps its type.
     */
    HALF;

    private static final float GREATEST = 65504;

    Map<String, DataType> typesOf(Map<String, NDArray> arrays) {
        Map<String, DataType> types = new LinkedHashMap<>();
        arrays.forEach((name, array) -> types.put(name, typeOf(array)));
        return types;
    }

    private DataType typeOf(NDArray array) {
        DataType type = array.getDataType();
        boolean wide = type == DataType.FLOAT32 || type == DataType.FLOAT64;
        return this == HALF && wide && fits(array) ? DataType.FLOAT16 : type;
    }

    private static boolean fits(NDArray array) {
        if (array.isEmpty()) {
            return true;
        }
        try (NDArray magnitudes = array.abs();
                NDArray greatest = magnitudes.max();
                NDArray single = greatest.toType(DataType.FLOAT32, false)) {
            return single.getFloat() <= GREATEST;
        }
    }
}
