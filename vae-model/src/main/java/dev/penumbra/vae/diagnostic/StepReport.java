// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.List;

/**
 * One step.
 *
 * @param step the step
 * @param losses the parts of the loss, which may be NaN
 * @param kl the divergence of the posteriors, the mean over samples and the sum over everything
 *     else, in nats; NaN if moments were not finite
 * @param klPerChannel its parts, the sums over the places of each channel
 */
public record StepReport(long step, StepLosses losses, double kl, List<Double> klPerChannel) {

    /** Copies the list. */
    public StepReport {
        klPerChannel = List.copyOf(klPerChannel);
    }
}
