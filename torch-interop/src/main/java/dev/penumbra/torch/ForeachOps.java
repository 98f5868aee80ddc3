// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.pytorch.jni.ScriptCalls;

/**
 * Operations on whole lists of arrays in one native call, in place and outside of gradients.
 *
 * <p>Lists that belong together have the same size and, index by index, the same shapes. An error
 * of the engine arrives as an {@link ai.djl.engine.EngineException} that names the operation.
 *
 * @see <a href="https://docs.pytorch.org/docs/stable/torch.html#foreach-operations">PyTorch,
 *     foreach operations</a>
 */
public final class ForeachOps {

    private ForeachOps() {}

    /** Loaded with the first operation, not with the class that names them. */
    private static final class Holder {
        static final ScriptModule OPS = ScriptModule.load("foreach.py");
    }

    /**
     * Moves each target towards its source, \( t \leftarrow t + w (s - t) \), as {@code torch.lerp}
     * computes it: a weight of 0 leaves the target and a weight of 1 copies the source, bit for
     * bit.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; same types and device as the targets
     * @param weight the weight \( w \), finite
     * @throws IllegalArgumentException if the lists do not match or the weight is not finite
     */
    public static void lerp(TensorList target, TensorList source, double weight) {
        if (!Double.isFinite(weight)) {
            throw new IllegalArgumentException("weight must be finite, got " + weight);
        }
        target.requireSameShapes(source);
        long number = ScriptCalls.fromDouble(weight);
        try {
            Holder.OPS.run("lerp_", target.handle(), source.handle(), number);
        } finally {
            ScriptCalls.delete(number);
        }
    }

    /**
     * Copies each source into its target, converting type and device where they differ.
     *
     * @param target the arrays to change
     * @param source the arrays to read
     * @throws IllegalArgumentException if the lists do not match
     */
    public static void copy(TensorList target, TensorList source) {
        target.requireSameShapes(source);
        Holder.OPS.run("copy_", target.handle(), source.handle());
    }

    /**
     * Exchanges the values of two lists, bit for bit where the types are the same. One array at a
     * time is held twice.
     *
     * @param first the one list
     * @param second the other list
     * @throws IllegalArgumentException if the lists do not match
     */
    public static void swap(TensorList first, TensorList second) {
        first.requireSameShapes(second);
        Holder.OPS.run("swap_", first.handle(), second.handle());
    }

    /**
     * Returns the sum of the arrays' version counters, which rises whenever one of them is changed
     * in place. BatchNorm changes its running statistics without counting.
     *
     * @param arrays the arrays
     * @return the sum, at least 0
     */
    public static long versionSum(TensorList arrays) {
        return Holder.OPS.runLong("version_sum", arrays.handle());
    }

    /**
     * Returns the Euclidean distance between two lists, \( \sqrt{\sum_i \lVert a_i - b_i \rVert^2}
     * \), summed in float64.
     *
     * @param first the one list, of floating-point arrays
     * @param second the other list, on the same device
     * @return the distance, at least 0
     * @throws IllegalArgumentException if the lists do not match
     */
    public static double distance(TensorList first, TensorList second) {
        first.requireSameShapes(second);
        return Holder.OPS.runDouble("distance", first.handle(), second.handle());
    }

    /**
     * Returns the Euclidean norm of all arrays taken as one vector, in the arrays' precision.
     *
     * @param arrays the arrays, on one device
     * @return the norm, at least 0
     */
    public static double norm(TensorList arrays) {
        return Holder.OPS.runDouble("norm", arrays.handle());
    }

    /**
     * Scales all arrays by the same factor so that their norm is at most the given one, as {@code
     * torch.nn.utils.clip_grad_norm_} does: \( \min(1, c / (\lVert g \rVert + 10^{-6})) \). No
     * value travels to the host.
     *
     * @param arrays the arrays to scale, on one device
     * @param maxNorm the largest norm \( c \), finite and above 0
     * @throws IllegalArgumentException if the norm is out of range
     */
    public static void clipNorm(TensorList arrays, double maxNorm) {
        requireMaxNorm(maxNorm);
        long number = ScriptCalls.fromDouble(maxNorm);
        try {
            Holder.OPS.run("clip_norm_", arrays.handle(), number);
        } finally {
            ScriptCalls.delete(number);
        }
    }

    static void requireMaxNorm(double maxNorm) {
        if (!(maxNorm > 0 && Double.isFinite(maxNorm))) {
            throw new IllegalArgumentException(
                    "maxNorm must be finite and above 0, got " + maxNorm);
        }
    }
}
