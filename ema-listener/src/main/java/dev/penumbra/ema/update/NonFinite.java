// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update;

/** What happens to a step after which an online weight is infinite or not a number. */
public enum NonFinite {
    /** The step leaves the averages as they are, is counted and told once in the log. */
    SKIP,
    /** The update throws an {@link ArithmeticException}; the averages are as they were. */
    FAIL,
    /** Nothing is checked. */
    OFF
}
