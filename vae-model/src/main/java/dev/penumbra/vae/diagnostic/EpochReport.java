// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.List;

/**
 * One epoch.
 *
 * @param epoch the epoch; the first is 1
 * @param losses the parts of the loss
 * @param posterior the posteriors
 * @param spikes the spikes of the divergence
 * @param warnings what is wrong, channel by channel; empty if nothing is
 */
public record EpochReport(
        int epoch,
        LossReport losses,
        PosteriorReport posterior,
        SpikeReport spikes,
        List<Warning> warnings) {

    /** Copies the list. */
    public EpochReport {
        warnings = List.copyOf(warnings);
    }
}
