// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.util.Arrays;
import org.apache.commons.statistics.distribution.TDistribution;
import org.jspecify.annotations.Nullable;

/** Statistics of a sample; (n), n at least 1. */
final class Statistics {

    private static final double CONFIDENCE = 0.95;

    private Statistics() {}

    static double mean(double... sample) {
        double mean = 0;
        for (int i = 0; i < sample.length; i++) {
            mean += (sample[i] - mean) / (i + 1);
        }
        return mean;
    }

    /** Returns the standard deviation with n - 1 in the denominator, or null if n is 1. */
    static @Nullable Double standardDeviation(double... sample) {
        if (sample.length == 1) {
            return null;
        }
        double mean = mean(sample);
        double squares = Arrays.stream(sample).map(x -> (x - mean) * (x - mean)).sum();
        return Math.sqrt(squares / (sample.length - 1));
    }

    static double median(double... sample) {
        double[] sorted = sample.clone();
        Arrays.sort(sorted);
        int half = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    /** Returns half the width of the mean's 95 % interval by Student's t, or null if n is 1. */
    static @Nullable Double halfWidth(double... sample) {
        Double sd = standardDeviation(sample);
        if (sd == null) {
            return null;
        }
        double quantile =
                TDistribution.of(sample.length - 1)
                        .inverseSurvivalProbability((1 - CONFIDENCE) / 2);
        return quantile * sd / Math.sqrt(sample.length);
    }
}
