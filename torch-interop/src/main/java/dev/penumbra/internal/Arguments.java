// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal;

/**
 * The checks of numbers that many types share, each with its one message.
 *
 * <p>All throw an {@link IllegalArgumentException} that names the argument, its rule and its value.
 */
public final class Arguments {

    private Arguments() {}

    /**
     * Requires a number in [0, 1).
     *
     * @param name the name of the argument
     * @param value its value
     */
    public static void requireShare(String name, double value) {
        if (!(value >= 0 && value < 1)) {
            throw rejected(name, "in [0, 1)", value);
        }
    }

    /**
     * Requires a number in [0, 1].
     *
     * @param name the name of the argument
     * @param value its value
     */
    public static void requireClosedShare(String name, double value) {
        if (!(value >= 0 && value <= 1)) {
            throw rejected(name, "in [0, 1]", value);
        }
    }

    /**
     * Requires a number in (0, 1].
     *
     * @param name the name of the argument
     * @param value its value
     */
    public static void requirePositiveShare(String name, double value) {
        if (!(value > 0 && value <= 1)) {
            throw rejected(name, "in (0, 1]", value);
        }
    }

    /**
     * Requires a finite number above 0.
     *
     * @param name the name of the argument
     * @param value its value
     */
    public static void requirePositive(String name, double value) {
        if (!(value > 0 && Double.isFinite(value))) {
            throw rejected(name, "finite and above 0", value);
        }
    }

    /**
     * Requires a finite number that is not below another.
     *
     * @param name the name of the argument
     * @param least the least number that is allowed
     * @param value its value
     */
    public static void requireAtLeast(String name, int least, double value) {
        if (!(value >= least && Double.isFinite(value))) {
            throw rejected(name, "finite and at least " + least, value);
        }
    }

    /**
     * Requires a whole number that is at least 0.
     *
     * @param name the name of the argument
     * @param value its value
     */
    public static void requireNotNegative(String name, long value) {
        if (value < 0) {
            throw rejected(name, "at least 0", value);
        }
    }

    /**
     * Requires a whole number that is at least 1.
     *
     * @param name the name of the argument
     * @param value its value
     */
    public static void requireCount(String name, long value) {
        if (value < 1) {
            throw rejected(name, "at least 1", value);
        }
    }

    private static IllegalArgumentException rejected(String name, String rule, Object value) {
        return new IllegalArgumentException(name + " must be " + rule + ", got " + value);
    }
}
