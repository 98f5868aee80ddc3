// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.LogVarClamp;
import java.util.Objects;

/**
 * The settings of the diagnostics.
 *
 * @param clamp the limits of the log-variance that the model has
 * @param limits where the figures of a channel stop being healthy
 * @param spikes when the divergence of a step is a spike
 * @param mutualInformation how often mutual information is estimated
 * @param history the number of latest steps that a report lists, at least 1
 */
public record DiagnosticsConfig(
        LogVarClamp clamp,
        WarningLimits limits,
        SpikeRule spikes,
        MutualInformationRule mutualInformation,
        int history) {

    /** Checks the settings. */
    public DiagnosticsConfig {
        Objects.requireNonNull(clamp, "clamp");
        Objects.requireNonNull(limits, "limits");
        Objects.requireNonNull(spikes, "spikes");
        Objects.requireNonNull(mutualInformation, "mutualInformation");
        Arguments.requireAtLeast("history", 1, history);
    }

    /**
     * Latent diffusion's clamp, the defaults of all rules and a history of 1024 steps.
     *
     * @return the settings
     */
    public static DiagnosticsConfig defaults() {
        return new DiagnosticsConfig(
                LogVarClamp.LATENT_DIFFUSION,
                WarningLimits.defaults(),
                SpikeRule.defaults(),
                MutualInformationRule.defaults(),
                1024);
    }
}
