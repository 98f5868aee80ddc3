// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.Arrays;

/** Finds the steps whose divergence is a spike. */
final class SpikeDetector {

    /** The standard deviation of a normal variable over its median absolute deviation. */
    private static final double NORMAL = 1.4826;

    private static final double LEAST_SHARE = 0.01;
    private static final double LEAST_NATS = 0.01;

    private final SpikeRule rule;
    private final double[] window;
    private long count;

    SpikeDetector(SpikeRule rule) {
        this.rule = rule;
        this.window = new double[rule.window()];
    }

    /**
     * Takes the divergence of a step, which must be finite.
     *
     * @return how many spreads it lies above the median if it is a spike, else 0
     */
    double observe(double kl) {
        double excess = count < window.length ? 0 : excess(kl);
        window[(int) (count % window.length)] = kl;
        count++;
        return excess > rule.threshold() ? excess : 0;
    }

    private double excess(double kl) {
        double median = median(window.clone());
        double[] deviations = new double[window.length];
        for (int i = 0; i < deviations.length; i++) {
            deviations[i] = Math.abs(window[i] - median);
        }
        double least = Math.max(LEAST_SHARE * Math.abs(median), LEAST_NATS);
        return (kl - median) / Math.max(NORMAL * median(deviations), least);
    }

    /** The median; the numbers are put in order. */
    private static double median(double[] values) {
        Arrays.sort(values);
        int half = values.length / 2;
        return values.length % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
    }

    void write(DoubleWriter out) {
        out.put(count).put(window);
    }

    void read(DoubleReader in) {
        count = (long) in.next();
        System.arraycopy(in.next(window.length), 0, window, 0, window.length);
    }
}
