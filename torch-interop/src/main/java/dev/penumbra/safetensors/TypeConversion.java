// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Whether tensors may have another type in a file than in memory. */
public enum TypeConversion {
    /** They may not. */
    NONE,

    /**
     * Floating-point numbers may: {@code F16}, {@code BF16}, {@code F32} and {@code F64} become the
     * type in memory, rounded to the nearest value where it is narrower.
     */
    FLOATING;

    private static final Set<TensorType> CONVERTIBLE =
            EnumSet.of(TensorType.F16, TensorType.BF16, TensorType.F32, TensorType.F64);

    /** The most bytes that one buffer of Java has for the float32 values of bfloat16 ones. */
    private static final long MOST_BFLOAT16 = Integer.MAX_VALUE / 2;

    /**
     * Tells whether a tensor's values can become those of another type.
     *
     * @param from the type in the file
     * @param to the type in memory
     * @return whether the types are the same or converted
     */
    public boolean allows(TensorType from, TensorType to) {
        return from == to
                || (this == FLOATING && CONVERTIBLE.contains(from) && CONVERTIBLE.contains(to));
    }

    /**
     * Reads a tensor into an array in place, converted if it has another type.
     *
     * @param file the file
     * @param name the name of the tensor
     * @param target the array, of the tensor's shape and of a type that is allowed
     * @throws SafetensorsException if the file has no such tensor or of another shape, or the type
     *     is not allowed
     * @throws IOException if the file cannot be read
     */
    public void readInto(SafetensorsFile file, String name, NDArray target) throws IOException {
        TensorInfo tensor = file.tensors().get(name);
        if (tensor == null || !converts(tensor, target)) {
            file.readInto(name, target);
            return;
        }
        try (NDManager scope = target.getManager().newSubManager();
                NDArray source =
                        tensor.type() == TensorType.BF16
                                ? widened(file, tensor, scope)
                                : file.read(name, scope);
                TensorList targets = TensorList.of(List.of(target));
                TensorList sources = TensorList.of(List.of(source))) {
            ForeachOps.copy(targets, sources);
        }
    }

    private boolean converts(TensorInfo tensor, NDArray target) {
        TensorType type = TensorType.of(target.getDataType());
        return tensor.type() != type
                && allows(tensor.type(), type)
                && tensor.shape().equals(target.getShape());
    }

    /** The float32 values of bfloat16 ones, which are their upper halves. */
    private static NDArray widened(SafetensorsFile file, TensorInfo tensor, NDManager manager)
            throws IOException {
        if (tensor.byteLength() > MOST_BFLOAT16) {
            throw new SafetensorsException(
                    file.path(),
                    "tensor "
                            + Quoted.of(tensor.name())
                            + " must have at most "
                            + MOST_BFLOAT16
                            + " bytes to be converted, got "
                            + tensor.byteLength());
        }
        Shape shape = tensor.shape();
        if (shape.size() == 0) {
            return manager.zeros(shape, DataType.FLOAT32);
        }
        ByteBuffer halves = file.map(tensor.name());
        ByteBuffer values =
                ByteBuffer.allocateDirect(2 * halves.remaining()).order(ByteOrder.nativeOrder());
        while (halves.hasRemaining()) {
            values.putInt(halves.getShort() << 16);
        }
        return manager.create(values.flip(), shape, DataType.FLOAT32);
    }
}
