// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.ndarray.types.DataType;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The type of a tensor's values in a file.
 *
 * <p>The constants have the names of the format and the order of its reference writer, which begins
 * with the least alignment.
 */
public enum TensorType {
    /** Truth values, 0 or 1. */
    BOOL(8, DataType.BOOLEAN),
    /** Floating point of 4 bits, the element of MXFP4. */
    F4(4),
    /** Floating point of 6 bits with 2 bits of exponent. */
    F6_E2M3(6),
    /** Floating point of 6 bits with 3 bits of exponent. */
    F6_E3M2(6),
    /** Unsigned integers of 8 bits. */
    U8(8, DataType.UINT8),
    /** Signed integers of 8 bits. */
    I8(8, DataType.INT8),
    /** Floating point of 8 bits with 5 bits of exponent. */
    F8_E5M2(8),
    /** Floating point of 8 bits with 4 bits of exponent. */
    F8_E4M3(8),
    /** Powers of two of 8 bits, the scale of the MX types. */
    F8_E8M0(8),
    /** Floating point of 8 bits with 4 bits of exponent, without infinities and negative zero. */
    F8_E4M3FNUZ(8),
    /** Floating point of 8 bits with 5 bits of exponent, without infinities and negative zero. */
    F8_E5M2FNUZ(8),
    /** Signed integers of 16 bits. */
    I16(16),
    /** Unsigned integers of 16 bits. */
    U16(16),
    /** Floating point of half precision. */
    F16(16, DataType.FLOAT16),
    /** Floating point of 16 bits with the exponent of float32. */
    BF16(16),
    /** Signed integers of 32 bits. */
    I32(32, DataType.INT32),
    /** Unsigned integers of 32 bits. */
    U32(32),
    /** Floating point of single precision. */
    F32(32, DataType.FLOAT32),
    /** Complex numbers of two parts in single precision. */
    C64(64, DataType.COMPLEX64),
    /** Floating point of double precision. */
    F64(64, DataType.FLOAT64),
    /** Signed integers of 64 bits. */
    I64(64, DataType.INT64),
    /** Unsigned integers of 64 bits. */
    U64(64);

    private final int bits;
    private final @Nullable DataType dataType;

    TensorType(int bits) {
        this(bits, null);
    }

    TensorType(int bits, @Nullable DataType dataType) {
        this.bits = bits;
        this.dataType = dataType;
    }

    /**
     * Returns the width of a value.
     *
     * @return the width in bits
     */
    public int bits() {
        return bits;
    }

    /**
     * Returns DJL's type of the same values, if its PyTorch engine can hold them.
     *
     * @return the type; empty for types that arrays cannot have
     */
    public Optional<DataType> dataType() {
        return Optional.ofNullable(dataType);
    }

    /**
     * Returns the type in a file of an array's values.
     *
     * @param dataType DJL's type
     * @return the type
     * @throws IllegalArgumentException if DJL's PyTorch engine has no arrays of the type
     */
    public static TensorType of(DataType dataType) {
        for (TensorType type : values()) {
            if (type.dataType == dataType) {
                return type;
            }
        }
        throw new IllegalArgumentException(
                "type must be one of " + dataTypes() + ", got " + dataType);
    }

    private static String dataTypes() {
        return Arrays.stream(values())
                .flatMap(type -> type.dataType().stream())
                .map(DataType::toString)
                .collect(Collectors.joining(", "));
    }

    /** The type of a name in a file, or null. */
    static @Nullable TensorType named(String name) {
        for (TensorType type : values()) {
            if (type.name().equals(name)) {
                return type;
            }
        }
        return null;
    }

    /** The bytes of a number of values, which fill whole bytes. */
    long bytes(long count) {
        return count * bits / 8;
    }
}
