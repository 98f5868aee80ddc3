// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * The parts of the loss of one step, as the loss reduces them.
 *
 * @param reconstruction the reconstruction term
 * @param kl the divergence before its weight
 */
public record StepLosses(double reconstruction, double kl) {}
