// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/** Arithmetic with decays, weights and steps that keeps the digits of small weights. */
final class WeightMath {

    private WeightMath() {}

    /** {@code 1 - exp(log)} for a logarithm of at most 0; never the negative zero. */
    static double complementOfExp(double log) {
        return 0.0 - Math.expm1(log);
    }

    /** The weight of two updates in a row. */
    static double weightOfBoth(double first, double second) {
        return first + (1 - first) * second;
    }

    /** The value between two at a fraction of the way, exactly the second one at its end. */
    static double between(double from, double to, long step, long steps) {
        return step >= steps ? to : from + (to - from) * step / steps;
    }

    /** The sum of two steps, or the nearest {@code long} of at least 0. */
    static long shifted(long step, long by) {
        long sum = step + by;
        if (by > 0 && sum < 0) {
            return Long.MAX_VALUE;
        }
        return Math.max(0, sum);
    }

    /** Requires that there are steps after the first one up to the last one. */
    static void requireRange(long from, long to) {
        Arguments.requireNotNegative("from", from);
        if (to <= from) {
            throw new IllegalArgumentException(
                    "to must be above from, got from=" + from + " and to=" + to);
        }
    }
}
