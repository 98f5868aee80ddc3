// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.List;

/**
 * What the diagnostics have seen, in plain numbers.
 *
 * @param steps the latest steps, oldest first
 * @param finished the latest epoch that has ended; epoch 0 without steps before there is one
 * @param running the epoch that has not ended
 */
public record DiagnosticsReport(List<Step> steps, EpochReport finished, EpochReport running) {

    /** Copies the list. */
    public DiagnosticsReport {
        steps = List.copyOf(steps);
    }

    /**
     * One step.
     *
     * @param step the step
     * @param losses the parts of the loss, the mean over the batches of the step; they may be NaN
     * @param kl the divergence of the posteriors, the mean over samples and the sum over everything
     *     else, in nats; NaN if moments were not finite
     * @param klPerChannel its parts, the sums over the places of each channel; empty if moments
     *     were not finite
     */
    public record Step(long step, StepLosses losses, double kl, List<Double> klPerChannel) {

        /** Copies the list. */
        public Step {
            klPerChannel = List.copyOf(klPerChannel);
        }
    }
}
