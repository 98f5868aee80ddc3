// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

/**
 * The parts of a loss: {@code total = reconstruction + klWeight * kl}, up to rounding.
 *
 * @param step optimizer steps taken before; 0 for the first
 * @param total the loss
 * @param reconstruction the reduced reconstruction term
 * @param kl the reduced KL term, without its weight
 * @param klWeight the weight of the schedule
 * @param effectiveBeta the weight of the summed KL term relative to the summed reconstruction term
 */
public record VaeLossValues(
        long step,
        double total,
        double reconstruction,
        double kl,
        double klWeight,
        double effectiveBeta) {}
