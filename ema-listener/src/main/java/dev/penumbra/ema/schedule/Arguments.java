// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/** The checks that several types share, each with its one message. */
final class Arguments {

    private Arguments() {}

    static void requireDecay(double decay) {
        requireShare("decay", decay);
    }

    static void requireShare(String name, double value) {
        if (!(value >= 0 && value < 1)) {
            throw new IllegalArgumentException(name + " must be in [0, 1), got " + value);
        }
    }

    static void requireClosedShare(String name, double value) {
        if (!(value >= 0 && value <= 1)) {
            throw new IllegalArgumentException(name + " must be in [0, 1], got " + value);
        }
    }

    static void requirePositiveShare(String name, double value) {
        if (!(value > 0 && value <= 1)) {
            throw new IllegalArgumentException(name + " must be in (0, 1], got " + value);
        }
    }

    static void requireOpenShare(String name, double value) {
        if (!(value > 0 && value < 1)) {
            throw new IllegalArgumentException(name + " must be in (0, 1), got " + value);
        }
    }

    static void requirePositive(String name, double value) {
        if (!(value > 0 && Double.isFinite(value))) {
            throw new IllegalArgumentException(name + " must be finite and above 0, got " + value);
        }
    }

    static void requireAtLeast(String name, double least, double value) {
        if (!(value >= least && Double.isFinite(value))) {
            throw new IllegalArgumentException(
                    name + " must be finite and at least " + (long) least + ", got " + value);
        }
    }

    static void requireNotNegative(String name, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(name + " must be at least 0, got " + value);
        }
    }

    static void requireCount(String name, long value) {
        if (value < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + value);
        }
    }

    static void requireStep(long step) {
        requireNotNegative("step", step);
    }

    static void requireRange(long from, long to) {
        requireNotNegative("from", from);
        if (to <= from) {
            throw new IllegalArgumentException(
                    "to must be above from, got from=" + from + " and to=" + to);
        }
    }
}
