// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.ScriptCalls;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A list of arrays prepared for repeated native calls.
 *
 * <p>The native list is made once and kept until {@link #close()}. It names the arrays and not
 * their memory, so it follows {@code NDArray.set}, which gives an array other memory, and it is
 * made again after {@code NDArray.intern}. It does not own the arrays: each operation checks that
 * none of them has been closed, because native memory may lie behind an array that Java owns. The
 * memory of a closed array stays until the list is closed. Not safe for use by several threads at
 * once.
 */
public final class TensorList implements AutoCloseable {

    private static final int UNKNOWN = -1;
    private static final int UNCOUNTED = -1;

    private final PtNDArray[] arrays;
    private final Long[] handles;
    private final boolean onCpu;
    private long handle;
    private long largest = UNKNOWN;
    private int generation;
    private @Nullable TensorList matched;
    private int matchedGeneration;
    private boolean matchedTypes;
    private long seen;
    private long seenVersion = UNKNOWN;
    private @Nullable NDManager manager;
    private @Nullable String id;

    private TensorList(PtNDArray[] arrays) {
        this.arrays = arrays;
        handles = new Long[arrays.length];
        onCpu = arrays.length == 0 || !arrays[0].getDevice().isGpu();
        handle = newHandle();
    }

    private long newHandle() {
        long[] numbers = new long[arrays.length];
        for (int i = 0; i < arrays.length; i++) {
            handles[i] = arrays[i].getHandle();
            numbers[i] = handles[i];
        }
        return ScriptCalls.fromTensors(numbers);
    }

    /**
     * Prepares a list.
     *
     * @param arrays arrays of the PyTorch engine, at least one; they stay the caller's
     * @return the list; the caller closes it
     * @throws IllegalArgumentException if the list is empty or an array is another engine's
     */
    public static TensorList of(List<? extends NDArray> arrays) {
        if (arrays.isEmpty()) {
            throw new IllegalArgumentException("arrays must not be empty");
        }
        return ofAny(arrays);
    }

    /** As {@link #of}, for a list that may be empty. */
    public static TensorList ofAny(List<? extends NDArray> arrays) {
        PtNDArray[] tensors = new PtNDArray[arrays.size()];
        for (int i = 0; i < tensors.length; i++) {
            if (!(arrays.get(i) instanceof PtNDArray tensor)) {
                throw new IllegalArgumentException(
                        "arrays must be of the PyTorch engine, got "
                                + arrays.get(i).getClass().getSimpleName()
                                + " at index "
                                + i);
            }
            tensors[i] = tensor;
        }
        return new TensorList(tensors);
    }

    /**
     * Hands the list over to a manager, which closes it with itself. The native list keeps the
     * memory of its arrays, so a list that lives as long as they do belongs to their manager.
     *
     * @param manager the manager
     * @return this list
     */
    public TensorList attach(NDManager manager) {
        detach();
        String uid = NDManager.nextUid();
        manager.attachInternal(uid, this);
        this.manager = manager;
        id = uid;
        return this;
    }

    private void detach() {
        NDManager owner = manager;
        String uid = id;
        if (owner != null && uid != null) {
            manager = null;
            owner.detachInternal(uid);
        }
    }

    /** Returns the number of arrays, at least 1. */
    int size() {
        return arrays.length;
    }

    /** Tells whether the arrays are in the memory of the processor; they are on one device. */
    boolean isOnCpu() {
        return onCpu;
    }

    @Override
    public void close() {
        if (handle != 0) {
            ScriptCalls.delete(handle);
            handle = 0;
            forget();
            detach();
        }
    }

    /** Returns the native list, after checking that everything behind it is still there. */
    public long handle() {
        requireOpen();
        return handle;
    }

    /**
     * Checks that the list and everything in it is open, as every operation does.
     *
     * @throws IllegalStateException if the list or an array is closed
     */
    @SuppressWarnings({"BoxedPrimitiveEquality", "ReferenceEquality"})
    public void requireOpen() {
        if (handle == 0) {
            throw new IllegalStateException("The list is closed");
        }
        boolean same = true;
        for (int i = 0; i < arrays.length; i++) {
            if (arrays[i].isReleased()) {
                throw new IllegalStateException(
                        "The array at index " + i + " of " + arrays.length + " is closed");
            }
            // Compared as objects, since a number may be that of a tensor of before.
            same &= arrays[i].getHandle() == handles[i];
        }
        if (!same) {
            renew();
        }
    }

    private void renew() {
        long replaced = handle;
        handle = newHandle();
        ScriptCalls.delete(replaced);
        largest = UNKNOWN;
        generation++;
        matched = null;
    }

    /**
     * Tells whether an array may have been changed since the last call: in place, by {@code
     * NDArray.set} or by {@code NDArray.intern}. The first call says so of any list. It costs no
     * look at the values, so it misses changes that PyTorch does not count: those of the running
     * statistics by BatchNorm, and values that Java writes into a direct buffer that an array
     * shares. Where an array counts no changes at all, as those of a TorchScript file that was
     * loaded without gradients, every call says that one may have changed.
     *
     * @return whether one may have changed
     * @throws IllegalStateException if the list or an array is closed
     */
    public boolean takeChanges() {
        requireOpen();
        if (seen != 0 && ForeachOps.versionOfSame(handle, seen) == seenVersion) {
            return false;
        }
        forget();
        long version = ForeachOps.versionSum(this);
        if (version != UNCOUNTED) {
            seen = newAliases();
            seenVersion = version;
        }
        return true;
    }

    /** Other tensors of the same memory, which the arrays leave when they are given another. */
    private long newAliases() {
        NDArray[] aliases = new NDArray[arrays.length];
        try {
            long[] numbers = new long[arrays.length];
            for (int i = 0; i < arrays.length; i++) {
                aliases[i] = arrays[i].stopGradient();
                numbers[i] = ((PtNDArray) aliases[i]).getHandle();
            }
            return ScriptCalls.fromTensors(numbers);
        } finally {
            for (NDArray alias : aliases) {
                if (alias != null) {
                    alias.close();
                }
            }
        }
    }

    private void forget() {
        if (seen != 0) {
            ScriptCalls.delete(seen);
            seen = 0;
        }
    }

    /** Returns the number of values of the largest array, at least 0. */
    long largest() {
        if (largest == UNKNOWN) {
            for (PtNDArray array : arrays) {
                largest = Math.max(largest, JniUtils.getShape(array).size());
            }
        }
        return largest;
    }

    /**
     * Checks that another list holds arrays of the same shapes, which costs next to nothing when it
     * is asked again. Ask for the handles of both lists before.
     *
     * @return whether their types and devices are the same, too
     */
    boolean requireSameShapes(TensorList other) {
        if (matched == other && matchedGeneration == other.generation) {
            return matchedTypes;
        }
        if (arrays.length != other.arrays.length) {
            throw new IllegalArgumentException(
                    "lists must have the same size, got "
                            + arrays.length
                            + " and "
                            + other.arrays.length);
        }
        boolean sameTypes = true;
        for (int i = 0; i < arrays.length; i++) {
            PtNDArray array = arrays[i];
            PtNDArray partner = other.arrays[i];
            // The engine's own, since an array keeps the shape that it had before intern.
            Shape shape = JniUtils.getShape(array);
            Shape otherShape = JniUtils.getShape(partner);
            if (!shape.equals(otherShape)) {
                throw new IllegalArgumentException(
                        "arrays at index "
                                + i
                                + " must have the same shape, got "
                                + shape
                                + " and "
                                + otherShape);
            }
            sameTypes &=
                    JniUtils.getDataType(array) == JniUtils.getDataType(partner)
                            && JniUtils.getDevice(array).equals(JniUtils.getDevice(partner));
        }
        matched = other;
        matchedGeneration = other.generation;
        matchedTypes = sameTypes;
        return sameTypes;
    }
}
