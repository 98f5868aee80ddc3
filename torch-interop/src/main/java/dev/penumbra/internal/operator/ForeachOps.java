// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import ai.djl.ndarray.NDArray;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.ScriptCalls;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * Operations on whole lists of arrays in one native call, in place and outside of gradients.
 *
 * <p>Lists that belong together have the same size and, index by index, the same shapes. On the
 * processor large arrays are worked on piece by piece, so that what an operation needs beside the
 * arrays is a few megabytes. An error of the engine arrives as an {@link
 * ai.djl.engine.EngineException} that names the operation.
 *
 * @see <a href="https://docs.pytorch.org/docs/stable/torch.html#foreach-operations">PyTorch,
 *     foreach operations</a>
 */
public final class ForeachOps {

    /** Values of a piece that several moves share, those of a few arrays in a core's cache. */
    private static final long SHARED = 1 << 19;

    /** Values of a thread's share of a piece with intermediate results, which fit into a cache. */
    private static final long SHARE = 1 << 17;

    /** Values of a piece on a GPU, where each piece is a call of its own. */
    private static final long LONG = 1 << 20;

    /** Values of a piece that is never cut. */
    private static final long WHOLE = Long.MAX_VALUE;

    private ForeachOps() {}

    /** Loaded with the first operation, not with the class that names them. */
    private static final class Holder {
        static final ScriptModule OPS = ScriptModule.load(ForeachOps.class, "foreach.py");
        static final long YES = ScriptCalls.fromBoolean(true);
        static final long NO = ScriptCalls.fromBoolean(false);
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
        long targets = target.handle();
        long sources = source.handle();
        target.requireSameShapes(source);
        long number = ScriptCalls.fromDouble(weight);
        try {
            Holder.OPS.run("lerp_", targets, sources, number);
        } finally {
            ScriptCalls.delete(number);
        }
    }

    /**
     * Moves each target towards its source, as {@link #lerp(TensorList, TensorList, double)} does,
     * by a weight of its own, in the order of the lists. On the processor, targets that follow each
     * other and have the same source move piece by piece together, so that a large source is read
     * from memory once for all of them.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; converted where type or device is another
     * @param weights the weight of each array, finite
     * @throws IllegalArgumentException if the lists do not match or a weight is not finite
     */
    public static void lerp(TensorList target, TensorList source, double... weights) {
        long targets = target.handle();
        long sources = source.handle();
        boolean alike = requireMatch(target, source, weights);
        if (!alike) {
            move("lerp_converted_", target, weights, false, targets, sources);
        } else if (hasEnds(weights) || (target.isOnCpu() && target.largest() > SHARED)) {
            long piece = target.isOnCpu() ? SHARED : WHOLE;
            withDoubles(weights, list -> lerpInPieces(targets, sources, list, piece));
        } else {
            withDoubles(weights, list -> run("lerp_each_", targets, sources, list));
        }
    }

    private static void lerpInPieces(long targets, long sources, long weights, long piece) {
        long moving = ScriptCalls.fromTensors();
        try {
            withLong(
                    piece, size -> run("lerp_in_pieces_", targets, sources, weights, size, moving));
        } finally {
            ScriptCalls.delete(moving);
        }
    }

    /** The engine's operator computes with these weights, too, and NaN and infinity spread then. */
    private static boolean hasEnds(double... weights) {
        for (double weight : weights) {
            if (weight == 0 || weight == 1) {
                return true;
            }
        }
        return false;
    }

    /**
     * Tells whether moves of an array are made piece by piece. Lists of such arrays and lists of
     * others move faster than lists of both.
     *
     * @param array the array
     * @return whether it is on the processor and large
     */
    public static boolean isMovedInPieces(NDArray array) {
        return !array.getDevice().isGpu() && array.size() > SHARED;
    }

    /**
     * Moves each target towards its source and carries the rounding error of every move to the next
     * one: target and carry together hold the average in about twice the precision.
     *
     * @param target the arrays to change; floating-point arrays
     * @param carry what the targets lack, zero at the beginning; same types and device
     * @param source the arrays to move to; converted where type or device is another
     * @param weights the weight of each array, finite; 0 leaves the target and 1 copies the source,
     *     bit for bit
     * @throws IllegalArgumentException if the lists do not match or a weight is not finite
     * @see <a href="https://doi.org/10.1145/363707.363723">Kahan (1965), Further remarks on
     *     reducing truncation errors</a>; the error of each sum is taken by Knuth's TwoSum, which
     *     does not depend on the order of magnitudes
     */
    public static void lerpCompensated(
            TensorList target, TensorList carry, TensorList source, double... weights) {
        long targets = target.handle();
        long carries = carry.handle();
        long sources = source.handle();
        boolean alike = requireMatch(target, source, weights);
        // The other way round, so that each list remembers the one that it was compared with.
        carry.requireSameShapes(target);
        move("lerp_compensated_", target, weights, alike, targets, carries, sources);
    }

    /**
     * Moves each target by subtracting, \( t \leftarrow t - w (t - s) \), each operation rounded.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; converted where type or device is another
     * @param weights the weight \( w \) of each array, finite; 0 leaves the target
     * @throws IllegalArgumentException if the lists do not match or a weight is not finite
     */
    public static void lerpBySubtraction(TensorList target, TensorList source, double... weights) {
        long targets = target.handle();
        long sources = source.handle();
        boolean alike = requireMatch(target, source, weights);
        move("lerp_by_subtraction_", target, weights, alike, targets, sources);
    }

    /**
     * Moves each target by dividing, \( t \leftarrow t + (s - t) / d \), each operation rounded; a
     * divisor of 1 copies the source, bit for bit.
     *
     * @param target the arrays to change
     * @param source the arrays to move to; converted where type or device is another
     * @param divisors the divisor \( d \) of each array, not NaN; infinity leaves the target
     * @throws IllegalArgumentException if the lists do not match or a divisor is not a number
     */
    public static void lerpByDivision(TensorList target, TensorList source, double... divisors) {
        long targets = target.handle();
        long sources = source.handle();
        boolean alike = target.requireSameShapes(source);
        requireCount(target, divisors);
        for (double divisor : divisors) {
            if (Double.isNaN(divisor)) {
                throw new IllegalArgumentException("divisor must be a number, got " + divisor);
            }
        }
        move("lerp_by_division_", target, divisors, alike, targets, sources);
    }

    private static void move(
            String method, TensorList target, double[] numbers, boolean alike, long... lists) {
        int count = lists.length;
        long[] arguments = Arrays.copyOf(lists, count + 3);
        arguments[count + 2] = alike ? Holder.NO : Holder.YES;
        withLong(
                sharesOr(target, WHOLE),
                piece -> {
                    arguments[count + 1] = piece;
                    withDoubles(
                            numbers,
                            list -> {
                                arguments[count] = list;
                                run(method, arguments);
                            });
                });
    }

    /** The values of a piece of arrays on the processor, or the given number on a GPU. */
    private static long sharesOr(TensorList list, long onGpu) {
        return list.isOnCpu() ? SHARE * JniUtils.getNumThreads() : onGpu;
    }

    private static void run(String method, long... arguments) {
        Holder.OPS.run(method, arguments);
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
        long targets = target.handle();
        long sources = source.handle();
        target.requireSameShapes(source);
        long number = ScriptCalls.fromDouble(factor);
        try {
            Holder.OPS.run("add_", targets, sources, number);
        } finally {
            ScriptCalls.delete(number);
        }
    }

    private static boolean requireMatch(TensorList target, TensorList source, double... weights) {
        boolean alike = target.requireSameShapes(source);
        requireCount(target, weights);
        for (double weight : weights) {
            requireFinite("weight", weight);
        }
        return alike;
    }

    private static void requireFinite(String name, double number) {
        if (!Double.isFinite(number)) {
            throw new IllegalArgumentException(name + " must be finite, got " + number);
        }
    }

    private static void requireCount(TensorList target, double... weights) {
        if (weights.length != target.size()) {
            throw new IllegalArgumentException(
                    "weights must be as many as arrays, got "
                            + weights.length
                            + " and "
                            + target.size());
        }
    }

    private static void withLong(long number, LongConsumer use) {
        long value = ScriptCalls.fromLong(number);
        try {
            use.accept(value);
        } finally {
            ScriptCalls.delete(value);
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
        long targets = target.handle();
        long sources = source.handle();
        target.requireSameShapes(source);
        run("copy_", targets, sources);
    }

    /**
     * Exchanges the values of two lists, bit for bit where the types are the same.
     *
     * @param first the one list
     * @param second the other list
     * @throws IllegalArgumentException if the lists do not match
     */
    public static void swap(TensorList first, TensorList second) {
        long one = first.handle();
        long other = second.handle();
        first.requireSameShapes(second);
        withLong(sharesOr(first, LONG), piece -> run("swap_", one, other, piece));
    }

    /**
     * Returns the sum of the arrays' version counters, which rises whenever one of them is changed
     * in place. BatchNorm changes its running statistics without counting, and {@code NDArray.set}
     * gives an array other memory without counting: {@link TensorList#takeChanges()} sees that.
     *
     * @param arrays the arrays
     * @return the sum, at least 0, or -1 where an array counts no changes, because it was made in
     *     inference mode
     */
    public static long versionSum(TensorList arrays) {
        return Holder.OPS.runLong("version_sum", arrays.handle());
    }

    /** As {@link #versionSum}, or -1 if an array has other memory than the tensor seen. */
    static long versionOfSame(long arrays, long seen) {
        return Holder.OPS.runLong("version_of_same", arrays, seen);
    }

    /**
     * Returns the Euclidean distance between two lists, \( \sqrt{\sum_i \lVert a_i - b_i \rVert^2}
     * \), in float64 from the differences on.
     *
     * @param first the one list, on one device
     * @param second the other list, of any types and devices
     * @return the distance, at least 0
     * @throws IllegalArgumentException if the lists do not match
     */
    public static double distance(TensorList first, TensorList second) {
        long one = first.handle();
        long other = second.handle();
        first.requireSameShapes(second);
        long piece = ScriptCalls.fromLong(sharesOr(first, LONG));
        try {
            return Holder.OPS.runDouble("distance", one, other, piece);
        } finally {
            ScriptCalls.delete(piece);
        }
    }

    /** Returns the Euclidean norm of all arrays as one vector, in the arrays' precision. */
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
     * Returns a number that is finite only if all values are; it may be infinite where they are
     * large.
     *
     * @param arrays the arrays, of floating-point types
     * @param joined the number of small ones at the beginning that are better summed together
     */
    static double finiteSum(TensorList arrays, int joined) {
        long count = ScriptCalls.fromLong(joined);
        try {
            return Holder.OPS.runDouble("finite_sum", arrays.handle(), count);
        } finally {
            ScriptCalls.delete(count);
        }
    }

    /** Returns the largest magnitude, or NaN if a value is not a number; 0 if there are none. */
    static double largest(TensorList arrays) {
        return Holder.OPS.runDouble("largest", arrays.handle());
    }

    /**
     * Returns the index of the first array with an infinite value or one that is not a number, or
     * -1. It looks at the arrays one by one, whether there is such a value or not.
     */
    static int firstNonFinite(TensorList arrays) {
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
    public static boolean areSame(TensorList first, TensorList second) {
        return Holder.OPS.runBoolean("are_same", first.handle(), second.handle());
    }

    /**
     * Returns the share of the values that {@link #lerp(TensorList, TensorList, double)} would
     * leave as they are although they differ from their source, because the move is less than half
     * a unit in the last place.
     *
     * @param target the arrays, on one device
     * @param source the arrays to move to; converted where type or device is another
     * @param weight the weight, finite
     * @return the share among the values that differ, in [0, 1]; 0 if none differs
     * @throws IllegalArgumentException if the lists do not match or the weight is not finite
     */
    public static double stalledShare(TensorList target, TensorList source, double weight) {
        requireFinite("weight", weight);
        long targets = target.handle();
        long sources = source.handle();
        target.requireSameShapes(source);
        long piece = ScriptCalls.fromLong(sharesOr(target, LONG));
        long number = ScriptCalls.fromDouble(weight);
        try {
            return Holder.OPS.runDouble("stalled_share", targets, sources, number, piece);
        } finally {
            ScriptCalls.delete(number);
            ScriptCalls.delete(piece);
        }
    }

    /**
     * Scales all arrays by the same factor so that their norm is at most the given one, as {@code
     * torch.nn.utils.clip_grad_norm_} does: \( \min(1, c / (\lVert g \rVert + 10^{-6})) \). No
     * value travels to the host.
     *
     * <p>The norm is not looked at, so what torch does with one that is not finite happens here,
     * too. Arrays of zeros stay as they are. An infinite norm, whether of an infinite value or of
     * squares that overflow, scales by 0: finite values become 0 and infinite ones NaN. A NaN makes
     * all values NaN.
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

    /** Refuses a norm to clip by that is not finite and above 0. */
    public static void requireMaxNorm(double maxNorm) {
        if (!(maxNorm > 0 && Double.isFinite(maxNorm))) {
            throw new IllegalArgumentException(
                    "maxNorm must be finite and above 0, got " + maxNorm);
        }
    }
}
