// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static dev.penumbra.vae.diagnostic.EpochReport.Warning.ALL_CHANNELS;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.penumbra.vae.diagnostic.EpochReport.Activity;
import dev.penumbra.vae.diagnostic.EpochReport.Aggregate;
import dev.penumbra.vae.diagnostic.EpochReport.Channel;
import dev.penumbra.vae.diagnostic.EpochReport.Losses;
import dev.penumbra.vae.diagnostic.EpochReport.MutualInformation;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import dev.penumbra.vae.diagnostic.EpochReport.Saturation;
import dev.penumbra.vae.diagnostic.EpochReport.Spikes;
import dev.penumbra.vae.diagnostic.EpochReport.Warning;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

final class WarningsTest {

    private static final WarningLimits LIMITS = WarningLimits.defaults();
    private static final Losses LOSSES = new Losses(10, 0, 1, 2);
    private static final Spikes CALM = new Spikes(0, 0, 0, 0);
    private static final Channel HEALTHY = channel(3, 0.5, 1, 0.5);

    private static Channel channel(double kl, double variance, double signal, double noise) {
        return new Channel(
                kl,
                1,
                new Activity(variance, variance > LIMITS.activeVariance(), 0, 4),
                new Aggregate(0, 1, 0, signal, noise),
                new Saturation(0, 0));
    }

    private static Channel saturated(double low, double high) {
        return new Channel(
                HEALTHY.kl(),
                1,
                HEALTHY.activity(),
                HEALTHY.aggregated(),
                new Saturation(low, high));
    }

    private static Posteriors posterior(long samples, Channel... channels) {
        double kl = Arrays.stream(channels).mapToDouble(Channel::kl).sum();
        return new Posteriors(samples, 0, kl, new MutualInformation(0, 0, 0, 0), List.of(channels));
    }

    private static void assertWarnings(Posteriors posterior, Warning... expected) {
        assertEquals(List.of(expected), Warnings.of(LIMITS, LOSSES, posterior, CALM, true));
    }

    @Test
    void healthyEpoch_hasNone() {
        assertWarnings(posterior(8, HEALTHY, HEALTHY));
    }

    @Test
    void emptyEpoch_hasNone() {
        assertWarnings(posterior(0));
    }

    @Test
    void collapsedChannel_isReported() {
        assertWarnings(
                posterior(8, HEALTHY, channel(0.4, 0.01, 0, 1)),
                new Warning(
                        WarningCode.COLLAPSED_CHANNEL,
                        1,
                        "channel 1 has collapsed to the prior: its KL is 0.4000 nats (at most"
                                + " 0.4000) and its posterior means vary by 0.01000 over the data"
                                + " (at most 0.01000); lower the KL weight, let it rise from 0 or"
                                + " use free bits per channel"));
    }

    @Test
    void channelWithLittleDivergenceThatIsActive_isNotReported() {
        assertWarnings(posterior(8, HEALTHY, channel(0.05, 0.0101, 0.1, 1)));
    }

    @Test
    void allChannelsCollapsed_areReportedOnce() {
        assertWarnings(
                posterior(8, channel(0.01, 0, 0, 1), channel(0.025, 0.001, 0, 1)),
                new Warning(
                        WarningCode.POSTERIOR_COLLAPSE,
                        ALL_CHANNELS,
                        "all 2 channels have collapsed to the prior: the KL is 0.03500 nats in"
                                + " total and at most 0.4000 in each; lower the KL weight, let it"
                                + " rise from 0 or use free bits"));
    }

    @Test
    void inactiveChannelThatCosts_isReported() {
        assertWarnings(
                posterior(8, channel(2, 0.004, 0.7, 1), HEALTHY),
                new Warning(
                        WarningCode.INACTIVE_CHANNEL,
                        0,
                        "channel 0 has nearly the same posterior for all samples: it costs 2.000"
                                + " nats of KL while its posterior means vary by 0.004000 over the"
                                + " data (at most 0.01000); train on, and if it stays so lower the"
                                + " KL weight or use fewer channels"));
    }

    @Test
    void channelsOfAnUntrainedEncoder_areNotReported() {
        Posteriors collapsed = posterior(8, channel(0.01, 0, 0, 1), channel(2, 0.004, 0.7, 1));
        assertEquals(List.of(), Warnings.of(LIMITS, LOSSES, collapsed, CALM, false));
        assertEquals(2, Warnings.of(LIMITS, LOSSES, collapsed, CALM, true).size());
    }

    /** The variance of one sample is unknown. */
    @Test
    void oneSample_hasNoActivityToReport() {
        assertWarnings(posterior(1, channel(0, 0, 0, 1), HEALTHY));
    }

    @Test
    void explodingMean_isReported() {
        assertWarnings(
                posterior(8, channel(3, 0.5, 5, 5), channel(900, 77, 8.76, 0.01)),
                new Warning(
                        WarningCode.EXPLODING_MEAN,
                        1,
                        "channel 1 has posterior means far from the prior: their root mean square"
                                + " is 8.760 (at most 5.000); raise the KL weight, or shift and"
                                + " scale the latents before another model uses them"));
    }

    @Test
    void explodingVariance_isReported() {
        assertWarnings(
                posterior(8, channel(900, 0.5, 0.1, 22026.5)),
                new Warning(
                        WarningCode.EXPLODING_VARIANCE,
                        0,
                        "channel 0 has posteriors far wider than the prior: the root mean square of"
                                + " their standard deviations is 2.203e+04 (at most 5.000); lower"
                                + " the learning rate, clip the gradients or lower the upper limit"
                                + " of the log-variance"));
    }

    @Test
    void saturatedClamp_isReportedInBothDirections() {
        assertWarnings(
                posterior(8, saturated(0.01, 0.01), saturated(0.25, 0.5)),
                new Warning(
                        WarningCode.CLAMP_LOW,
                        1,
                        "channel 1 has 25.00 % of its log-variances at the lower limit (at most"
                                + " 1.000 %), where a hard clamp has no gradient; raise the KL"
                                + " weight or use a soft clamp"),
                new Warning(
                        WarningCode.CLAMP_HIGH,
                        1,
                        "channel 1 has 50.00 % of its log-variances at the upper limit (at most"
                                + " 1.000 %), where a hard clamp has no gradient; lower the"
                                + " learning rate, clip the gradients or use a soft clamp"));
    }

    @Test
    void spikes_areReported() {
        Warning expected =
                new Warning(
                        WarningCode.KL_SPIKE,
                        ALL_CHANNELS,
                        "the KL had 3 spikes, the largest at step 120 with 812.5 nats, 41.20"
                                + " spreads above the running median; clip the gradients, lower the"
                                + " learning rate or let the KL weight rise more slowly");
        assertEquals(
                List.of(expected),
                Warnings.of(
                        LIMITS,
                        LOSSES,
                        posterior(8, HEALTHY),
                        new Spikes(3, 120, 812.5, 41.2),
                        true));
    }

    @Test
    void nonFiniteSteps_areReported() {
        Posteriors lost = new Posteriors(0, 1, 0, new MutualInformation(0, 0, 0, 0), List.of());
        Warning expected =
                new Warning(
                        WarningCode.NON_FINITE,
                        ALL_CHANNELS,
                        "the loss was not finite in 2 of 10 steps and the moments in 1; lower the"
                                + " learning rate, clip the gradients or compute in float32");
        assertEquals(
                List.of(expected), Warnings.of(LIMITS, new Losses(10, 2, 1, 2), lost, CALM, true));
        assertEquals(
                expected.message().replace("in 2 of", "in 0 of"),
                Warnings.of(LIMITS, LOSSES, lost, CALM, true).get(0).message());
        assertEquals(
                expected.message().replace("moments in 1", "moments in 0"),
                Warnings.of(LIMITS, new Losses(10, 2, 1, 2), posterior(8, HEALTHY), CALM, true)
                        .get(0)
                        .message());
    }
}
