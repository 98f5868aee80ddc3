// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

/** Whether higher or lower values of an evaluator are better. */
public enum Goal {
    /** Higher values are better, as of an accuracy. */
    MAXIMIZE,
    /** Lower values are better, as of a loss. */
    MINIMIZE;

    /**
     * Tells whether a value is better than another. NaN is never better, and worse than all.
     *
     * @param value the value
     * @param other the other value
     * @return whether it is
     */
    public boolean isBetter(float value, float other) {
        if (Float.isNaN(value) || Float.isNaN(other)) {
            return !Float.isNaN(value);
        }
        return this == MAXIMIZE ? value > other : value < other;
    }
}
