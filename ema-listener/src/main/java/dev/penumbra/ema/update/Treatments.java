// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update;

import java.util.Objects;

/**
 * What happens to the values of a model that are not trained. Trained parameters are averaged,
 * unless a filter leaves them out; values that are not floating-point numbers are copied.
 *
 * @param statistics running statistics, such as those of BatchNorm
 * @param frozen parameters of a kind that is trained, without gradient
 * @param otherBuffers everything else without gradient, such as the vectors of spectral
 *     normalization, whose average means nothing
 */
public record Treatments(Treatment statistics, Treatment frozen, Treatment otherBuffers) {

    /** What happens to values. */
    public enum Treatment {
        /** They are averaged like weights. */
        AVERAGE,
        /** They are the online model's. */
        COPY,
        /**
         * They are computed over data with the averaged weights by {@code RunningStatistics}; until
         * then the average refuses to be used. For running statistics only.
         */
        RECOMPUTE
    }

    /** Checks that only running statistics are recomputed. */
    public Treatments {
        Objects.requireNonNull(statistics, "statistics");
        requireNotRecomputed("frozen", frozen);
        requireNotRecomputed("otherBuffers", otherBuffers);
    }

    private static void requireNotRecomputed(String name, Treatment treatment) {
        Objects.requireNonNull(treatment, name);
        if (treatment == Treatment.RECOMPUTE) {
            throw new IllegalArgumentException(name + " must be AVERAGE or COPY, got " + treatment);
        }
    }

    /**
     * The defaults: running statistics are averaged, frozen parameters and other buffers copied.
     *
     * @return the defaults
     */
    public static Treatments defaults() {
        return ofStatistics(Treatment.AVERAGE);
    }

    /**
     * The defaults with another treatment of running statistics.
     *
     * @param statistics the treatment
     * @return the treatments
     */
    public static Treatments ofStatistics(Treatment statistics) {
        return new Treatments(statistics, Treatment.COPY, Treatment.COPY);
    }
}
