// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.ScriptCalls;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A list of arrays prepared for repeated native calls.
 *
 * <p>The native list is made once and kept until {@link #close()}. It does not own the arrays: each
 * operation checks that none of them has been closed, because native memory may lie behind an array
 * that Java owns. The memory of a closed array stays until the list is closed. Not safe for use by
 * several threads at once.
 */
public final class TensorList implements AutoCloseable {

    private final PtNDArray[] arrays;
    private long handle;
    private @Nullable TensorList matched;
    private @Nullable NDManager manager;
    private @Nullable String id;

    private TensorList(PtNDArray[] arrays, long handle) {
        this.arrays = arrays;
        this.handle = handle;
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
    static TensorList ofAny(List<? extends NDArray> arrays) {
        PtNDArray[] tensors = new PtNDArray[arrays.size()];
        long[] handles = new long[tensors.length];
        for (int i = 0; i < tensors.length; i++) {
            if (!(arrays.get(i) instanceof PtNDArray tensor)) {
                throw new IllegalArgumentException(
                        "arrays must be of the PyTorch engine, got "
                                + arrays.get(i).getClass().getSimpleName()
                                + " at index "
                                + i);
            }
            tensors[i] = tensor;
            handles[i] = tensor.getHandle();
        }
        return new TensorList(tensors, ScriptCalls.fromTensors(handles));
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

    /**
     * Returns the number of arrays.
     *
     * @return the number, at least 1
     */
    public int size() {
        return arrays.length;
    }

    @Override
    public void close() {
        if (handle != 0) {
            ScriptCalls.delete(handle);
            handle = 0;
            detach();
        }
    }

    /** Returns the native list, after checking that everything behind it is still there. */
    long handle() {
        requireOpen();
        return handle;
    }

    /**
     * Checks that the list and everything in it is open.
     *
     * @throws IllegalStateException if the list or an array is closed
     */
    public void requireOpen() {
        if (handle == 0) {
            throw new IllegalStateException("The list is closed");
        }
        for (int i = 0; i < arrays.length; i++) {
            if (arrays[i].isReleased()) {
                throw new IllegalStateException(
                        "The array at index " + i + " of " + arrays.length + " is closed");
            }
        }
    }

    /** Checks once per partner that both lists hold arrays of the same shapes. */
    void requireSameShapes(TensorList other) {
        if (matched == other) {
            return;
        }
        requireOpen();
        other.requireOpen();
        if (arrays.length != other.arrays.length) {
            throw new IllegalArgumentException(
                    "lists must have the same size, got "
                            + arrays.length
                            + " and "
                            + other.arrays.length);
        }
        for (int i = 0; i < arrays.length; i++) {
            if (!arrays[i].getShape().equals(other.arrays[i].getShape())) {
                throw new IllegalArgumentException(
                        "arrays at index "
                                + i
                                + " must have the same shape, got "
                                + arrays[i].getShape()
                                + " and "
                                + other.arrays[i].getShape());
            }
        }
        matched = other;
    }
}
