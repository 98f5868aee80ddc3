// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * The parts of the loss over an epoch.
 *
 * @param steps the number of steps
 * @param nonFinite the number of steps with a part that was not finite; the means leave them out
 * @param reconstruction the mean of the reconstruction term over steps; 0 without any
 * @param kl the mean of the divergence over steps; 0 without any
 */
public record LossReport(long steps, long nonFinite, double reconstruction, double kl) {}
