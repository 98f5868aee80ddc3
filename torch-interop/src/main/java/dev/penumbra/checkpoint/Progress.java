// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

/**
 * How far a training has come.
 *
 * @param epoch the number of epochs that have ended
 * @param batch the number of batches trained in the epoch that has begun; 0 between two epochs
 * @param step the number of optimizer steps
 */
public record Progress(long epoch, long batch, long step) {

    /** Where a training begins. */
    public static final Progress START = new Progress(0, 0, 0);

    /** Checks the numbers. */
    public Progress {
        requireNotNegative("epoch", epoch);
        requireNotNegative("batch", batch);
        requireNotNegative("step", step);
    }

    private static void requireNotNegative(String name, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(name + " must be at least 0, got " + value);
        }
    }
}
