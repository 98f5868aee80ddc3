// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.Random;
import java.util.function.Supplier;

/** Moves of single numbers in the arithmetic of Java, each operation rounded to float32. */
final class Numbers {

    private static final float[] SPECIAL = {
        0f,
        -0f,
        1f,
        -1f,
        1e-8f,
        Float.MIN_VALUE,
        -Float.MIN_VALUE,
        Float.MIN_NORMAL,
        0x1p-126f,
        3e37f,
        -3e37f,
        0x1.fffffep0f,
        0.1f
    };

    private Numbers() {}

    /** A move of one number. */
    interface Move {
        float of(float target, float source, double weight);
    }

    /** Normal numbers with special ones among them. */
    static float[] values(Random random, int size) {
        float[] values = new float[size];
        for (int i = 0; i < size; i++) {
            values[i] =
                    random.nextInt(8) == 0
                            ? SPECIAL[random.nextInt(SPECIAL.length)]
                            : (float) random.nextGaussian();
        }
        return values;
    }

    /** The formula of torch.lerp; weights of 0 and 1 leave and copy whatever the values are. */
    static float lerp(float target, float source, double weight) {
        if (weight == 0 || weight == 1) {
            return weight == 0 ? target : source;
        }
        float w = (float) weight;
        float difference = source - target;
        return w < 0.5f ? target + w * difference : source - difference * (1 - w);
    }

    /** The same with one rounding less, on processors that multiply and add at once. */
    static float fusedLerp(float target, float source, double weight) {
        if (weight == 0 || weight == 1) {
            return weight == 0 ? target : source;
        }
        float w = (float) weight;
        float difference = source - target;
        return w < 0.5f ? Math.fma(w, difference, target) : Math.fma(w - 1, difference, source);
    }

    static float bySubtraction(float target, float source, double weight) {
        float change = (target - source) * (float) weight;
        return weight == 0 ? target : target - change;
    }

    static float byDivision(float target, float source, double divisor) {
        if (divisor == 1 || Double.isInfinite(divisor)) {
            return divisor == 1 ? source : target;
        }
        return target + (source - target) / (float) divisor;
    }

    /** Target and carry after a compensated move. */
    static float[] compensated(float target, float carry, float source, double weight) {
        if (weight == 0 || weight == 1) {
            return weight == 0 ? new float[] {target, carry} : new float[] {source, 0};
        }
        float change = (source - target - carry) * (float) weight + carry;
        float moved = target + change;
        float taken = moved - target;
        float lost = target - (moved - taken);
        return new float[] {moved, lost + (change - taken)};
    }

    /** Tells whether two numbers have the same bits; NaN is one number. */
    static boolean same(float first, float second) {
        return Float.floatToIntBits(first) == Float.floatToIntBits(second);
    }

    static void assertBits(float expected, float actual, Supplier<String> message) {
        if (!same(expected, actual)) {
            fail(expected + " expected, got " + actual + ": " + message.get());
        }
    }

    /** Either of two formulas is right, bit for bit. */
    static void assertEither(float first, float second, float actual, Supplier<String> message) {
        assertBits(same(second, actual) ? second : first, actual, message);
    }
}
