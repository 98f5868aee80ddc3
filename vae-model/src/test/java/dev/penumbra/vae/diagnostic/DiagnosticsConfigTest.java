// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static dev.penumbra.testing.Rejections.assertRejected;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.vae.LogVarClamp;
import org.junit.jupiter.api.Test;

final class DiagnosticsConfigTest {

    @Test
    void defaults_areThese() {
        assertEquals(
                "DiagnosticsConfig[clamp=Hard[min=-30.0, max=20.0], limits=WarningLimits["
                        + "activeVariance=0.01, collapsedKl=0.1, explodingScale=5.0,"
                        + " saturatedShare=0.01], spikes=SpikeRule[window=64, threshold=8.0],"
                        + " mutualInformation=MutualInformationRule[every=10, seed=0],"
                        + " history=1024]",
                DiagnosticsConfig.defaults().toString());
    }

    @Test
    void settings_areChecked() {
        assertRejected(
                "activeVariance must be finite and above 0, got -1.0",
                () -> new WarningLimits(-1, 0.1, 5, 0.01));
        assertRejected(
                "collapsedKl must be finite and above 0, got 0.0",
                () -> new WarningLimits(0.01, 0, 5, 0.01));
        assertRejected(
                "explodingScale must be finite and above 0, got Infinity",
                () -> new WarningLimits(0.01, 0.1, Double.POSITIVE_INFINITY, 0.01));
        assertRejected(
                "saturatedShare must be in [0, 1], got 1.5",
                () -> new WarningLimits(0.01, 0.1, 5, 1.5));
        assertRejected(
                "saturatedShare must be in [0, 1], got -0.5",
                () -> new WarningLimits(0.01, 0.1, 5, -0.5));
        assertRejected("every must be at least 1, got 0", () -> new MutualInformationRule(0, 0));
        DiagnosticsConfig config = DiagnosticsConfig.defaults();
        assertRejected("history must be at least 1, got 0", () -> config.withHistory(0));
    }

    @Test
    void eachSetting_canBeReplaced() {
        LogVarClamp clamp = new LogVarClamp.Soft(-6, 4);
        WarningLimits limits = new WarningLimits(1, 2, 3, 0.5);
        SpikeRule spikes = new SpikeRule(5, 6);
        MutualInformationRule rule = new MutualInformationRule(7, 8);
        assertEquals(
                new DiagnosticsConfig(clamp, limits, spikes, rule, 9),
                DiagnosticsConfig.defaults()
                        .withClamp(clamp)
                        .withLimits(limits)
                        .withSpikes(spikes)
                        .withMutualInformation(rule)
                        .withHistory(9));
    }
}
