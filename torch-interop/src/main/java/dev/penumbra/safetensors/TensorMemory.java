// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.safetensors;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The bytes of an array in the order of a file, as buffers over native memory.
 *
 * <p>Values that lie one after the other in the memory of the CPU are seen where they are. Others
 * go through a small array of the CPU, piece by piece; so do values whose type in the file is
 * another one. Nothing here is recorded for gradients.
 */
final class TensorMemory {

    /** What a buffer can address, in whole pages. */
    private static final long VIEWED_BYTES = 1L << 30;

    private static final long COPIED_BYTES = 1L << 24;

    private final TensorType type;
    private final boolean toArray;
    private final Action action;

    /** What happens to the bytes of each piece. */
    interface Action {

        /**
         * Handles the next bytes.
         *
         * @param bytes native memory, to be read or filled as a whole
         */
        void accept(ByteBuffer bytes) throws IOException;
    }

    private TensorMemory(TensorType type, boolean toArray, Action action) {
        this.type = type;
        this.toArray = toArray;
        this.action = action;
    }

    /** Reads the values of an array as values of a type. */
    static void read(PtNDArray array, TensorType type, Action reader) throws IOException {
        new TensorMemory(type, false, reader).visitAll(array);
    }

    /** Fills an array in place; its version counter rises, as with any change in place. */
    static void fill(PtNDArray array, Action filler) throws IOException {
        new TensorMemory(TensorType.of(array.getDataType()), true, filler).visitAll(array);
    }

    private void visitAll(PtNDArray array) throws IOException {
        if (array.size() == 0) {
            return;
        }
        try (NDArray values = array.stopGradient()) {
            visit((PtNDArray) values);
        }
    }

    private void visit(PtNDArray array) throws IOException {
        boolean contiguous = isContiguous(array);
        boolean viewed =
                contiguous
                        && array.getDevice().equals(Device.cpu())
                        && TensorType.of(array.getDataType()) == type;
        long most = (viewed ? VIEWED_BYTES : COPIED_BYTES) * Byte.SIZE / type.bits();
        if (array.size() <= most) {
            handle(array, viewed);
        } else if (contiguous) {
            try (PtNDArray flat = JniUtils.reshape(array, new long[] {array.size()})) {
                split(flat, most);
            }
        } else {
            split(array, most);
        }
    }

    /** Splits along the first axis, and what is still too large along the next one. */
    private void split(PtNDArray array, long most) throws IOException {
        Shape row = array.getShape().slice(1);
        long rows = array.getShape().get(0);
        long step = Math.max(1, most / row.size());
        for (long begin = 0; begin < rows; begin += step) {
            long end = Math.min(begin + step, rows);
            try (PtNDArray part = JniUtils.slice(array, 0, begin, end, 1)) {
                if (row.size() > most) {
                    try (PtNDArray single = JniUtils.reshape(part, row.getShape())) {
                        visit(single);
                    }
                } else {
                    visit(part);
                }
            }
        }
    }

    private void handle(PtNDArray piece, boolean viewed) throws IOException {
        if (viewed) {
            action.accept(piece.toByteBuffer(true));
            if (toArray) {
                touch(piece);
            }
            return;
        }
        try (NDManager manager = NDManager.newBaseManager(Device.cpu(), "PyTorch");
                NDArray copy = create(manager, piece.getShape(), type)) {
            if (toArray) {
                action.accept(copy.toByteBuffer(true));
                copy(piece, copy);
            } else {
                copy(copy, piece);
                action.accept(copy.toByteBuffer(true));
            }
        }
    }

    /** Lets the version counter of an array rise by copying none of its values. */
    private static void touch(PtNDArray array) {
        try (PtNDArray flat = JniUtils.reshape(array, new long[] {array.size()});
                PtNDArray none = JniUtils.slice(flat, 0, 0, 0, 1)) {
            copy(none, none);
        }
    }

    static void copy(NDArray target, NDArray source) {
        try (TensorList to = TensorList.of(List.of(target));
                TensorList from = TensorList.of(List.of(source))) {
            ForeachOps.copy(to, from);
        }
    }

    /** Makes an array whose memory is PyTorch's and whose values are arbitrary. */
    static NDArray create(NDManager manager, Shape shape, TensorType type) {
        DataType dataType = type.dataType().orElseThrow();
        if (type != TensorType.C64) {
            return manager.create(shape, dataType);
        }
        // DJL makes no complex arrays, but views pairs of numbers as such.
        try (NDArray parts = manager.create(shape.add(2), DataType.FLOAT32)) {
            return parts.complex();
        }
    }

    private static boolean isContiguous(PtNDArray array) {
        try (TensorList list = TensorList.of(new NDList(array))) {
            return ForeachOps.areContiguous(list);
        }
    }
}
