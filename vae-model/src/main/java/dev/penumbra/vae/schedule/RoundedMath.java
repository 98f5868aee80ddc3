// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

/**
 * The exponential function and the cosine, rounded once from a value with twice the digits.
 *
 * <p>{@link Math} may be wrong in the last place, and differently on each processor, which shows
 * where a recorded weight has to be met exactly.
 */
final class RoundedMath {

    private static final double LN2_HIGH = Math.log(2);
    private static final double LN2_LOW = 2.3190468138462996e-17;

    private static final double HALF_PI_HIGH = Math.PI / 2;
    private static final double HALF_PI_MIDDLE = 6.123233995736766e-17;
    private static final double HALF_PI_LOW = -1.4973849048591698e-33;

    /** So many terms of a series at arguments below 1 have twice a double's digits. */
    private static final int TERMS = 26;

    /** A number as an unevaluated sum, the second summand below the first's last place. */
    private record Sum(double high, double low) {

        static Sum of(double a, double b) {
            double high = a + b;
            double rest = high - a;
            return new Sum(high, (a - (high - rest)) + (b - rest));
        }

        Sum plus(Sum other) {
            Sum sum = of(high, other.high);
            return of(sum.high, sum.low + (low + other.low));
        }

        Sum times(Sum other) {
            double product = high * other.high;
            double error = Math.fma(high, other.high, -product);
            return of(product, error + (high * other.low + low * other.high));
        }

        Sum over(double divisor) {
            double quotient = high / divisor;
            double rest = Math.fma(-quotient, divisor, high) + low;
            return of(quotient, rest / divisor);
        }
    }

    private RoundedMath() {}

    static double exp(double x) {
        if (!(Math.abs(x) < 800)) {
            return Math.exp(x);
        }
        double k = Math.rint(x / LN2_HIGH);
        Sum whole = new Sum(LN2_HIGH, LN2_LOW).times(new Sum(-k, 0));
        Sum argument = new Sum(x, 0).plus(whole);
        Sum result = new Sum(1, 0);
        for (int i = TERMS; i >= 1; i--) {
            result = result.times(argument).over(i).plus(new Sum(1, 0));
        }
        // Two steps, because the scale of the greatest results is no double.
        int half = (int) k / 2;
        return Math.scalb(Math.scalb(result.high, half), (int) k - half);
    }

    static double cos(double x) {
        if (!(Math.abs(x) < 64)) {
            return Math.cos(x);
        }
        double quarter = Math.rint(x / HALF_PI_HIGH);
        Sum rest = new Sum(x, 0);
        for (double part : new double[] {HALF_PI_HIGH, HALF_PI_MIDDLE, HALF_PI_LOW}) {
            rest = rest.plus(new Sum(part, 0).times(new Sum(-quarter, 0)));
        }
        return switch ((int) quarter & 3) {
            case 0 -> series(rest, 0).high;
            case 1 -> -series(rest, 1).high;
            case 2 -> -series(rest, 0).high;
            default -> series(rest, 1).high;
        };
    }

    /** The cosine of a small angle for a parity of 0, its sine for 1. */
    private static Sum series(Sum angle, int parity) {
        Sum square = angle.times(angle);
        Sum one = new Sum(1, 0);
        Sum result = one;
        for (int i = TERMS + parity; i > 1; i -= 2) {
            result = one.plus(result.times(square).over(-i * (i - 1.0)));
        }
        return parity == 0 ? result : result.times(angle);
    }
}
