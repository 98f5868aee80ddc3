// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * The shares of log-variances that the encoder put at a limit of the clamp or beyond it.
 *
 * @param low the share at the lower limit, in [0, 1]
 * @param high the share at the upper limit, in [0, 1]
 */
public record Saturation(double low, double high) {}
