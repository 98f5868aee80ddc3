// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import static dev.penumbra.vae.diagnostic.EpochReport.Warning.ALL_CHANNELS;

import dev.penumbra.vae.diagnostic.EpochReport.Aggregate;
import dev.penumbra.vae.diagnostic.EpochReport.Channel;
import dev.penumbra.vae.diagnostic.EpochReport.Losses;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import dev.penumbra.vae.diagnostic.EpochReport.Saturation;
import dev.penumbra.vae.diagnostic.EpochReport.Spikes;
import dev.penumbra.vae.diagnostic.EpochReport.Warning;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Finds what is wrong with the figures of an epoch. */
final class Warnings {

    private final WarningLimits limits;
    private final List<Warning> found = new ArrayList<>();

    private Warnings(WarningLimits limits) {
        this.limits = limits;
    }

    /**
     * Finds what is wrong.
     *
     * @param begun whether the weights have been trained enough to speak of channels that do
     *     nothing
     */
    static List<Warning> of(
            WarningLimits limits,
            Losses losses,
            Posteriors posterior,
            Spikes spikes,
            boolean begun) {
        Warnings warnings = new Warnings(limits);
        warnings.nonFinite(losses, posterior);
        warnings.spikes(spikes);
        if (begun) {
            warnings.activity(posterior);
        }
        for (int c = 0; c < posterior.channels().size(); c++) {
            Channel channel = posterior.channels().get(c);
            warnings.scale(c, channel.aggregated());
            warnings.saturation(c, channel.saturation());
        }
        return List.copyOf(warnings.found);
    }

    private void add(WarningCode code, int channel, String format, Object... figures) {
        found.add(new Warning(code, channel, String.format(Locale.ROOT, format, figures)));
    }

    private void nonFinite(Losses losses, Posteriors posterior) {
        if (losses.nonFinite() > 0 || posterior.nonFiniteBatches() > 0) {
            add(
                    WarningCode.NON_FINITE,
                    ALL_CHANNELS,
                    "the loss was not finite in %d of %d steps and the moments in %d; lower the"
                            + " learning rate, clip the gradients or compute in float32",
                    losses.nonFinite(),
                    losses.steps(),
                    posterior.nonFiniteBatches());
        }
    }

    private void spikes(Spikes spikes) {
        if (spikes.count() > 0) {
            add(
                    WarningCode.KL_SPIKE,
                    ALL_CHANNELS,
                    "the KL had %d spikes, the largest at step %d with %.4g nats, %.4g spreads"
                            + " above the running median; clip the gradients, lower the learning"
                            + " rate or let the KL weight rise more slowly",
                    spikes.count(),
                    spikes.step(),
                    spikes.kl(),
                    spikes.excess());
        }
    }

    private void activity(Posteriors posterior) {
        List<Channel> channels = posterior.channels();
        if (posterior.samples() < 2) {
            return;
        }
        if (channels.stream().allMatch(this::isCollapsed)) {
            add(
                    WarningCode.POSTERIOR_COLLAPSE,
                    ALL_CHANNELS,
                    "all %d channels have collapsed to the prior: the KL is %.4g nats in total and"
                            + " at most %.4g in each; lower the KL weight, let it rise from 0 or"
                            + " use free bits",
                    channels.size(),
                    posterior.kl(),
                    limit(channels.get(0)));
            return;
        }
        for (int c = 0; c < channels.size(); c++) {
            Channel channel = channels.get(c);
            if (isCollapsed(channel)) {
                add(
                        WarningCode.COLLAPSED_CHANNEL,
                        c,
                        "channel %d has collapsed to the prior: its KL is %.4g nats (at most %.4g)"
                                + " and its posterior means vary by %.4g over the data (at most"
                                + " %.4g); lower the KL weight, let it rise from 0 or use free bits"
                                + " per channel",
                        c,
                        channel.kl(),
                        limit(channel),
                        channel.activity().variance(),
                        limits.activeVariance());
            } else if (!channel.activity().active()) {
                inactive(c, channel);
            }
        }
    }

    private void inactive(int c, Channel channel) {
        add(
                WarningCode.INACTIVE_CHANNEL,
                c,
                "channel %d has nearly the same posterior for all samples: it costs %.4g nats of KL"
                        + " while its posterior means vary by %.4g over the data (at most %.4g);"
                        + " train on, and if it stays so lower the KL weight or use fewer channels",
                c,
                channel.kl(),
                channel.activity().variance(),
                limits.activeVariance());
    }

    private boolean isCollapsed(Channel channel) {
        return channel.kl() <= limit(channel) && !channel.activity().active();
    }

    /** The divergence up to which a channel is the prior: it adds up over the places. */
    private double limit(Channel channel) {
        return limits.collapsedKl() * channel.activity().elements();
    }

    private void scale(int c, Aggregate aggregated) {
        if (aggregated.signal() > limits.explodingScale()) {
            add(
                    WarningCode.EXPLODING_MEAN,
                    c,
                    "channel %d has posterior means far from the prior: their root mean square is"
                            + " %.4g (at most %.4g); raise the KL weight, or shift and scale the"
                            + " latents before another model uses them",
                    c,
                    aggregated.signal(),
                    limits.explodingScale());
        }
        if (aggregated.noise() > limits.explodingScale()) {
            add(
                    WarningCode.EXPLODING_VARIANCE,
                    c,
                    "channel %d has posteriors far wider than the prior: the root mean square of"
                            + " their standard deviations is %.4g (at most %.4g); lower the"
                            + " learning rate, clip the gradients or lower the upper limit of the"
                            + " log-variance",
                    c,
                    aggregated.noise(),
                    limits.explodingScale());
        }
    }

    private void saturation(int c, Saturation saturation) {
        if (saturation.low() > limits.saturatedShare()) {
            add(
                    WarningCode.CLAMP_LOW,
                    c,
                    "channel %d has %.4g %% of its log-variances at the lower limit (at most %.4g"
                            + " %%), where a hard clamp has no gradient; raise the KL weight or use"
                            + " a soft clamp",
                    c,
                    100 * saturation.low(),
                    100 * limits.saturatedShare());
        }
        if (saturation.high() > limits.saturatedShare()) {
            add(
                    WarningCode.CLAMP_HIGH,
                    c,
                    "channel %d has %.4g %% of its log-variances at the upper limit (at most %.4g"
                            + " %%), where a hard clamp has no gradient; lower the learning rate,"
                            + " clip the gradients or use a soft clamp",
                    c,
                    100 * saturation.high(),
                    100 * limits.saturatedShare());
        }
    }
}
