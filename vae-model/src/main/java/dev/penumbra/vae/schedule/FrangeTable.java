// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import org.jspecify.annotations.Nullable;

/** The list of weights of cyclical_annealing, one per iteration. */
final class FrangeTable implements PeerSchedule {

    /** A list of more weights is a mistake; it would fill the heap. */
    private static final long MAX_LENGTH = 100_000_000;

    private final String name;
    private final double[] weights;

    /** What a function of the family is called with, under its names. */
    record Range(
            String function, double start, double stop, long length, long cycles, double ratio) {

        Range {
            Arguments.requireFinite("start", start);
            Arguments.requireFinite("stop", stop);
            if (length < 1 || length > MAX_LENGTH) {
                throw new IllegalArgumentException(
                        "length must be in [1, " + MAX_LENGTH + "], got " + length);
            }
            Arguments.requireCount("n_cycle", cycles);
            Arguments.requirePositive("ratio", ratio);
            if (!(stop > start)) {
                throw new IllegalArgumentException(
                        "stop must be above start, got start=" + start + " and stop=" + stop);
            }
        }
    }

    private FrangeTable(String name, double[] weights) {
        this.name = name;
        this.weights = weights;
    }

    /**
     * Fills the list.
     *
     * @param range the arguments
     * @param fill what the list holds where no ramp wrote
     * @param shape what is written for the running value; null for the value itself, which alone
     *     stops at the end of the list
     */
    static FrangeTable of(Range range, double fill, @Nullable DoubleUnaryOperator shape) {
        double[] list = new double[(int) range.length()];
        Arrays.fill(list, fill);
        double period = (double) range.length() / range.cycles();
        double increment = (range.stop() - range.start()) / (period * range.ratio());
        for (long cycle = 0; cycle < range.cycles(); cycle++) {
            double value = range.start();
            for (int i = 0; value <= range.stop(); i++) {
                long index = (long) (i + cycle * period);
                if (index >= list.length) {
                    if (shape == null) {
                        break;
                    }
                    throw new IndexOutOfBoundsException("list assignment index out of range");
                }
                list[(int) index] = shape == null ? value : shape.applyAsDouble(value);
                value += increment;
            }
        }
        return new FrangeTable(range.toString(), list);
    }

    @Override
    public double weightAt(long step) {
        if (step < 0 || step >= weights.length) {
            throw new IllegalArgumentException(
                    "step must be in [0, " + weights.length + "), got " + step);
        }
        return weights[(int) step];
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof FrangeTable table
                && name.equals(table.name)
                && Arrays.equals(weights, table.weights);
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return name;
    }
}
