// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.types.DataType;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class TensorTypeTest {

    /** The declaration of {@code Dtype} in the reference, safetensors/src/tensor.rs. */
    @Test
    void namesAndOrder_areTheReferences() {
        assertEquals(
                "BOOL 8, F4 4, F6_E2M3 6, F6_E3M2 6, U8 8, I8 8, F8_E5M2 8, F8_E4M3 8, F8_E8M0 8,"
                        + " F8_E4M3FNUZ 8, F8_E5M2FNUZ 8, I16 16, U16 16, F16 16, BF16 16, I32 32,"
                        + " U32 32, F32 32, C64 64, F64 64, I64 64, U64 64",
                Arrays.stream(TensorType.values())
                        .map(type -> type + " " + type.bits())
                        .collect(Collectors.joining(", ")));
    }

    @Test
    void dataTypes_areThoseThatArraysHave() {
        Set<DataType> types = EnumSet.noneOf(DataType.class);
        for (TensorType type : TensorType.values()) {
            type.dataType()
                    .ifPresent(
                            dataType -> {
                                types.add(dataType);
                                assertEquals(type, TensorType.of(dataType));
                            });
        }
        assertEquals(
                EnumSet.of(
                        DataType.FLOAT32,
                        DataType.FLOAT64,
                        DataType.FLOAT16,
                        DataType.UINT8,
                        DataType.INT8,
                        DataType.INT32,
                        DataType.INT64,
                        DataType.BOOLEAN,
                        DataType.COMPLEX64),
                types);
    }

    /** Creating such arrays ends the process. */
    @ParameterizedTest
    @EnumSource(names = {"BFLOAT16", "INT16", "UINT16", "UINT32", "UINT64", "STRING", "UNKNOWN"})
    void of_refusesOthers(DataType type) {
        Exception e = assertThrows(IllegalArgumentException.class, () -> TensorType.of(type));
        assertEquals(
                "type must be one of boolean, uint8, int8, float16, int32, float32, complex64,"
                        + " float64, int64, got "
                        + type,
                e.getMessage());
    }
}
