// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.pytorch.jni.ScriptCalls;
import java.util.Arrays;
import java.util.function.LongConsumer;

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
     * computes it, except that a weight of 0 leaves the target and a weight of 1 copies the source,
     * bit for bit, whatever their values are.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; same types and device as the targets
     * @param weight the weight \( w \), finite
     * @throws IllegalArgumentException if the lists do not match or the weight is not finite
     */
    public static void lerp(TensorList target, TensorList source, double weight) {
        requireFinite("weight", weight);
        target.requireSameShapes(source);
        long number = ScriptCalls.fromDouble(weight);
        try {
            Holder.OPS.run("lerp_", target.handle(), source.handle(), number);
        } finally {
            ScriptCalls.delete(number);
        }
    }

    /**
     * Moves each target towards its source, as {@link #lerp(TensorList, TensorList, double)} does,
     * by a weight of its own, in the order of the lists.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; same types and device as the targets
     * @param weights the weight of each array, finite
     * @throws IllegalArgumentException if the lists do not match or a weight is not finite
     */
    public static void lerp(TensorList target, TensorList source, double... weights) {
        requireMatch(target, source, weights);
        // The operator computes with weights of 0 and 1 too, and NaN and infinity spread then.
        boolean ends = Arrays.stream(weights).anyMatch(weight -> weight == 0 || weight == 1);
        String method = ends ? "lerp_with_ends_" : "lerp_each_";
        withDoubles(
                weights, list -> Holder.OPS.run(method, target.handle(), source.handle(), list));
    }

    /**
     * Moves each target towards its source and carries the rounding error of every move to the next
     * one: target and carry together hold the average in about twice the precision.
     *
     * @param target the arrays to change; floating-point arrays
     * @param carry what the targets lack, zero at the beginning; same types and device
     * @param source the arrays to move to; same types and device
     * @param weights the weight of each array, finite; 0 leaves the target and 1 copies the source,
     *     bit for bit
     * @throws IllegalArgumentException if the lists do not match or a weight is not finite
     * @see <a href="https://doi.org/10.1145/363707.363723">Kahan (1965), Further remarks on
     *     reducing truncation errors</a>; the error of each sum is taken by Knuth's TwoSum, which
     *     does not depend on the order of magnitudes
     */
    public static void lerpCompensated(
            TensorList target, TensorList carry, TensorList source, double... weights) {
        requireMatch(target, source, weights);
        target.requireSameShapes(carry);
        withDoubles(
                weights,
                list ->
                        Holder.OPS.run(
                                "lerp_compensated_",
                                target.handle(),
                                carry.handle(),
                                source.handle(),
                                list));
    }

    /**
     * Moves each target by subtracting, \( t \leftarrow t - w (t - s) \), each operation rounded.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; same types and device as the targets
     * @param weights the weight \( w \) of each array, finite; 0 leaves the target
     * @throws IllegalArgumentException if the lists do not match or a weight is not finite
     */
    public static void lerpBySubtraction(TensorList target, TensorList source, double... weights) {
        requireMatch(target, source, weights);
        withDoubles(
                weights,
                list ->
                        Holder.OPS.run(
                                "lerp_by_subtraction_", target.handle(), source.handle(), list));
    }

    /**
     * Moves each target by dividing, \( t \leftarrow t + (s - t) / d \), each operation rounded; a
     * divisor of 1 copies the source, bit for bit.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; same types and device as the targets
     * @param divisors the divisor \( d \) of each array, not NaN; infinity leaves the target
     * @throws IllegalArgumentException if the lists do not match or a divisor is not a number
     */
    public static void lerpByDivision(TensorList target, TensorList source, double... divisors) {
        target.requireSameShapes(source);
        requireCount(target, divisors);
        for (double divisor : divisors) {
            if (Double.isNaN(divisor)) {
                throw new IllegalArgumentException("divisor must be a number, got " + divisor);
            }
        }
        withDoubles(
                divisors,
                list ->
                        Holder.OPS.run(
                                "lerp_by_division_", target.handle(), source.handle(), list));
    }

    /**
     * Adds each source, multiplied by the same factor, to its target.
     *
     * @param target the arrays to change; floating-point arrays
     * @param source the arrays to add; same device, the same or a narrower type
     * @param factor the factor, finite
     * @throws IllegalArgumentException if the lists do not match or the factor is not finite
     */
    public static void add(TensorList target, TensorList source, double factor) {
        requireFinite("factor", factor);
        target.requireSameShapes(source);
        long number = ScriptCalls.fromDouble(factor);
        try {
            Holder.OPS.run("add_", target.handle(), source.handle(), number);
        } finally {
            ScriptCalls.delete(number);
        }
    }

    private static void requireMatch(TensorList target, TensorList source, double[] weights) {
        target.requireSameShapes(source);
        requireCount(target, weights);
        for (double weight : weights) {
            requireFinite("weight", weight);
        }
    }

    private static void requireFinite(String name, double number) {
        if (!Double.isFinite(number)) {
            throw new IllegalArgumentException(name + " must be finite, got " + number);
        }
    }

    private static void requireCount(TensorList target, double[] weights) {
        if (weights.length != target.size()) {
            throw new IllegalArgumentException(
                    "weights must be as many as arrays, got "
                            + weights.length
                            + " and "
                            + target.size());
        }
    }

    private static void withDoubles(double[] numbers, LongConsumer use) {
        long list = ScriptCalls.fromDoubles(numbers);
        try {
            use.accept(list);
        } finally {
            ScriptCalls.delete(list);
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
     * Returns the Euclidean norm of each array, in the arrays' precision. All values travel to the
     * host together.
     *
     * @param arrays the arrays, of one type and on one device
     * @return the norms, at least 0
     */
    public static double[] norms(TensorList arrays) {
        return Holder.OPS.runDoubles("norms", arrays.handle());
    }

    /**
     * Returns the index of the first array with an infinite value or one that is not a number,
     * which reads one truth value per array; {@link FiniteCheck} is for repeated calls.
     *
     * @param arrays the arrays, of floating-point types
     * @return the index, or -1
     */
    public static int firstNonFinite(TensorList arrays) {
        return (int) Holder.OPS.runLong("first_non_finite", arrays.handle());
    }

    /**
     * Tells whether the values of each array lie one after the other in its memory.
     *
     * @param arrays the arrays
     * @return whether all of them do
     */
    public static boolean areContiguous(TensorList arrays) {
        return Holder.OPS.runBoolean("contiguous", arrays.handle());
    }

    /** Whether the arrays of two lists of the same length are the same memory, one by one. */
    static boolean areSame(TensorList first, TensorList second) {
        return Holder.OPS.runBoolean("are_same", first.handle(), second.handle());
    }

    /**
     * Returns a number that is finite only if all values are.
     *
     * @param vectors arrays of one axis
     * @param matrices arrays whose size is a multiple of 16
     * @param others any arrays
     */
    static double finiteSum(TensorList vectors, TensorList matrices, TensorList others) {
        return Holder.OPS.runDouble(
                "finite_sum", vectors.handle(), matrices.handle(), others.handle());
    }

    /**
     * Returns the share of the values that {@link #lerp(TensorList, TensorList, double)} would
     * leave as they are although they differ from their source, because the move is less than half
     * a unit in the last place.
     *
     * @param target the arrays
     * @param source the arrays to move to; same types and device as the targets
     * @param weight the weight, finite
     * @return the share among the values that differ, in [0, 1]; 0 if none differs
     * @throws IllegalArgumentException if the lists do not match or the weight is not finite
     */
    public static double stalledShare(TensorList target, TensorList source, double weight) {
        requireFinite("weight", weight);
        target.requireSameShapes(source);
        long number = ScriptCalls.fromDouble(weight);
        try {
            return Holder.OPS.runDouble("stalled_share", target.handle(), source.handle(), number);
        } finally {
            ScriptCalls.delete(number);
        }
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
