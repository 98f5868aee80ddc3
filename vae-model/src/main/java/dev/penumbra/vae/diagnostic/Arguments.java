// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/** The checks that several types share, each with its one message. */
final class Arguments {

    private Arguments() {}

    static void requireAtLeast(String name, long least, long value) {
        if (value < least) {
            throw new IllegalArgumentException(
                    name + " must be at least " + least + ", got " + value);
        }
    }

    static void requirePositive(String name, double value) {
        if (!(value > 0 && Double.isFinite(value))) {
            throw new IllegalArgumentException(name + " must be finite and above 0, got " + value);
        }
    }

    static void requireShare(String name, double value) {
        if (!(value >= 0 && value <= 1)) {
            throw new IllegalArgumentException(name + " must be in [0, 1], got " + value);
        }
    }
}
