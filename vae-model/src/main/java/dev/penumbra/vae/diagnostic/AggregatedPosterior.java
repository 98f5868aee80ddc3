// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * The mixture of the posteriors of a channel over samples and places; the prior has the mean 0, the
 * standard deviation 1 and the excess kurtosis 0.
 *
 * @param mean the mean
 * @param standardDeviation the standard deviation
 * @param excessKurtosis the excess kurtosis; 0 too where nothing varies
 * @param signal the root mean square of the posterior means
 * @param noise the root mean square of the posterior standard deviations
 */
public record AggregatedPosterior(
        double mean,
        double standardDeviation,
        double excessKurtosis,
        double signal,
        double noise) {}
