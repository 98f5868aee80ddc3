// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.LogVarClamp;
import java.util.Objects;

/**
 * The settings of the diagnostics.
 *
 * @param clamp the limits of the log-variance of batches that are handed over; those of a training
 *     have the limits of its model
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

    /**
     * These settings with another clamp.
     *
     * @param other the limits of the log-variance of batches that are handed over
     * @return the settings
     */
    public DiagnosticsConfig withClamp(LogVarClamp other) {
        return new DiagnosticsConfig(other, limits, spikes, mutualInformation, history);
    }

    /**
     * These settings with other limits of warnings.
     *
     * @param other where the figures of a channel stop being healthy
     * @return the settings
     */
    public DiagnosticsConfig withLimits(WarningLimits other) {
        return new DiagnosticsConfig(clamp, other, spikes, mutualInformation, history);
    }

    /**
     * These settings with another rule of spikes.
     *
     * @param other when the divergence of a step is a spike
     * @return the settings
     */
    public DiagnosticsConfig withSpikes(SpikeRule other) {
        return new DiagnosticsConfig(clamp, limits, other, mutualInformation, history);
    }

    /**
     * These settings with another rule of mutual information.
     *
     * @param other how often it is estimated
     * @return the settings
     */
    public DiagnosticsConfig withMutualInformation(MutualInformationRule other) {
        return new DiagnosticsConfig(clamp, limits, spikes, other, history);
    }

    /**
     * These settings with another history.
     *
     * @param steps the number of latest steps that a report lists, at least 1
     * @return the settings
     */
    public DiagnosticsConfig withHistory(int steps) {
        return new DiagnosticsConfig(clamp, limits, spikes, mutualInformation, steps);
    }
}
