// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.diagnostic.EpochReport.Activity;
import dev.penumbra.vae.diagnostic.EpochReport.Channel;
import dev.penumbra.vae.diagnostic.EpochReport.MutualInformation;
import dev.penumbra.vae.diagnostic.EpochReport.Posteriors;
import java.util.ArrayList;
import java.util.List;

/** The sums over the posteriors of an epoch, whose memory is that of a latent. */
final class PosteriorStatistics {

    /** So many times the limit is no accident of few samples, also where many places are asked. */
    private static final double CLEAR = 10;

    private final List<ChannelStatistics> channels = new ArrayList<>();
    private ElementMeans means = new ElementMeans(0);
    private double batches;
    private double nonFiniteBatches;
    private double estimates;
    private double mutualInformation;
    private double bound;
    private double estimatedKl;

    /** The number of batches that were finite. */
    long batches() {
        return (long) batches;
    }

    void addNonFinite() {
        nonFiniteBatches++;
    }

    /**
     * Adds a batch.
     *
     * @throws IllegalArgumentException if its latents have another size than those before
     */
    void add(PosteriorBatch batch) {
        if (batches == 0) {
            for (int c = 0; c < batch.channels(); c++) {
                channels.add(new ChannelStatistics());
            }
            means = new ElementMeans(batch.channels() * batch.places());
        }
        if (batch.channels() != channels.size() || batch.places() != places()) {
            throw new IllegalArgumentException(
                    "moments must keep their size within an epoch, which began with "
                            + size(channels.size(), places())
                            + ", got "
                            + size(batch.channels(), batch.places()));
        }
        for (int c = 0; c < channels.size(); c++) {
            channels.get(c).add(batch, c);
        }
        means.add(batch);
        batches++;
    }

    private static String size(int channels, int places) {
        return 2 * channels + " channels of " + places + " places";
    }

    void add(MutualInformationEstimate estimate, int samples, double kl) {
        estimates++;
        mutualInformation += estimate.total();
        bound += Math.log(samples);
        estimatedKl += kl;
        for (int c = 0; c < channels.size(); c++) {
            channels.get(c).addMutualInformation(estimate.channel(c));
        }
    }

    private int places() {
        return channels.isEmpty() ? 0 : means.elements() / channels.size();
    }

    Posteriors report(double activeVariance) {
        long samples = means.samples();
        List<Channel> reports = new ArrayList<>();
        double kl = onlyNonFinite() ? Double.NaN : 0;
        for (int c = 0; c < channels.size(); c++) {
            ChannelStatistics channel = channels.get(c);
            double mean = channel.kl() / samples;
            kl += mean;
            reports.add(
                    new Channel(
                            mean,
                            channel.mutualInformation() / Math.max(1, estimates),
                            activity(c, activeVariance),
                            channel.aggregated(),
                            channel.saturation()));
        }
        return new Posteriors(samples, (long) nonFiniteBatches, kl, information(), reports);
    }

    /** Whether there were batches and none of them was finite. */
    private boolean onlyNonFinite() {
        return batches == 0 && nonFiniteBatches > 0;
    }

    private MutualInformation information() {
        if (onlyNonFinite()) {
            return new MutualInformation(Double.NaN, Double.NaN, Double.NaN, 0);
        }
        double count = Math.max(1, estimates);
        return new MutualInformation(
                mutualInformation / count, bound / count, estimatedKl / count, (long) estimates);
    }

    private Activity activity(int channel, double limit) {
        int places = places();
        double sum = 0;
        double largest = 0;
        int active = 0;
        for (int i = channel * places; i < (channel + 1) * places; i++) {
            double variance = means.variance(i);
            sum += variance;
            largest = Math.max(largest, variance);
            active += variance > limit ? 1 : 0;
        }
        double mean = sum / places;
        boolean tells = mean > limit || largest > CLEAR * limit;
        return new Activity(mean, tells, active, places);
    }

    void write(DoubleWriter out) {
        out.put(batches).put(nonFiniteBatches);
        out.put(estimates).put(mutualInformation).put(bound).put(estimatedKl);
        out.put(channels.size()).put(means.elements());
        channels.forEach(channel -> channel.write(out));
        means.write(out);
    }

    static PosteriorStatistics read(DoubleReader in) {
        PosteriorStatistics statistics = new PosteriorStatistics();
        statistics.batches = in.next();
        statistics.nonFiniteBatches = in.next();
        statistics.estimates = in.next();
        statistics.mutualInformation = in.next();
        statistics.bound = in.next();
        statistics.estimatedKl = in.next();
        int count = in.nextCount();
        int elements = in.nextCount();
        for (int c = 0; c < count; c++) {
            statistics.channels.add(ChannelStatistics.read(in));
        }
        statistics.means = ElementMeans.read(in, elements);
        return statistics;
    }
}
