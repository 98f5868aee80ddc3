// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

/** Which of two values of an evaluator is the better one. */
public enum ScoreOrder {
    /** As of an accuracy. */
    HIGHER_IS_BETTER,
    /** As of a loss. */
    LOWER_IS_BETTER;

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
        return this == HIGHER_IS_BETTER ? value > other : value < other;
    }
}
