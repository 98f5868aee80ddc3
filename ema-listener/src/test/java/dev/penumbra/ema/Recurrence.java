// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.types.DataType;
import dev.penumbra.ema.update.Arithmetic;

/**
 * One step of an average of one number in plain Java, each operation rounded to the type.
 *
 * <p>A single operation on float32 or half-precision numbers in {@code double} arithmetic, rounded
 * afterwards, equals the operation rounded once, because {@code double} has more than twice the
 * digits.
 */
public final class Recurrence {

    private static final double LARGEST_HALF = 65504;

    private Recurrence() {}

    /** The nearest number of a type, ties to even. */
    public static double round(DataType type, double value) {
        return switch (type) {
            case FLOAT64 -> value;
            case FLOAT32 -> (float) value;
            case FLOAT16 -> roundToHalf(value);
            default -> throw new IllegalArgumentException(type.toString());
        };
    }

    private static double roundToHalf(double value) {
        if (value == 0 || !Double.isFinite(value)) {
            return value;
        }
        double unit = Math.scalb(1.0, Math.max(Math.getExponent(value), -14) - 10);
        double rounded = Math.rint(value / unit) * unit;
        return Math.abs(rounded) > LARGEST_HALF
                ? Math.copySign(Double.POSITIVE_INFINITY, value)
                : Math.copySign(rounded, value);
    }

    /** An average after a step. */
    public static double step(
            Arithmetic arithmetic,
            DataType type,
            double average,
            double online,
            double weight,
            boolean fused) {
        if (weight == 0) {
            return average;
        }
        return switch (arithmetic) {
            case LERP -> lerp(type, average, online, weight, fused);
            case SUBTRACTION -> {
                double difference = round(type, average - online);
                double change = round(type, product(type, difference, weight));
                yield round(type, average - change);
            }
            case DIVISION -> {
                if (weight == 1) {
                    yield online;
                }
                double difference = round(type, online - average);
                double change = round(type, quotient(type, difference, divisor(weight)));
                yield round(type, average + change);
            }
            case COMPENSATED -> throw new IllegalArgumentException("needs a carry");
        };
    }

    /** An average and what it lacks after a step. */
    public static double[] compensated(
            DataType type, double average, double carry, double online, double weight) {
        if (weight == 0 || weight == 1) {
            return weight == 0 ? new double[] {average, carry} : new double[] {online, 0};
        }
        double distance = round(type, round(type, online - average) - carry);
        double change = round(type, round(type, product(type, distance, weight)) + carry);
        double moved = round(type, average + change);
        double taken = round(type, moved - average);
        double left = round(type, change - taken);
        double lost = round(type, average - round(type, moved - taken));
        return new double[] {moved, round(type, lost + left)};
    }

    /** Half-precision numbers are interpolated in float32 and rounded at the end. */
    private static double lerp(
            DataType type, double average, double online, double weight, boolean fused) {
        if (weight == 1) {
            return online;
        }
        if (type == DataType.FLOAT64) {
            double difference = online - average;
            if (weight < 0.5) {
                return fused
                        ? Math.fma(weight, difference, average)
                        : average + weight * difference;
            }
            return fused
                    ? Math.fma(weight - 1, difference, online)
                    : online - difference * (1 - weight);
        }
        float w = (float) weight;
        float from = (float) average;
        float to = (float) online;
        float difference = to - from;
        float result;
        if (w < 0.5f) {
            result = fused ? Math.fma(w, difference, from) : from + w * difference;
        } else {
            result = fused ? Math.fma(w - 1, difference, to) : to - difference * (1 - w);
        }
        return round(type, result);
    }

    /** The engine rounds a factor to the type of the array, but a divisor to float32 at least. */
    private static double product(DataType type, double value, double weight) {
        return type == DataType.FLOAT64
                ? value * weight
                : (float) value * (float) round(type, weight);
    }

    private static double quotient(DataType type, double value, double divisor) {
        return type == DataType.FLOAT64 ? value / divisor : (float) value / (float) divisor;
    }

    /** A mean divides by the whole number of its step. */
    private static double divisor(double weight) {
        double divisor = 1 / weight;
        double whole = Math.rint(divisor);
        return Math.abs(divisor - whole) < 1e-9 ? whole : divisor;
    }
}
