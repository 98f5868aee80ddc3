// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.ArrayList;
import java.util.List;

/** The sums over the posteriors of an epoch, whose memory is that of a latent. */
final class PosteriorStatistics {

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

    PosteriorReport report(double activeVariance) {
        long samples = means.samples();
        List<ChannelReport> reports = new ArrayList<>();
        double kl = 0;
        for (int c = 0; c < channels.size(); c++) {
            ChannelStatistics channel = channels.get(c);
            double mean = channel.kl() / samples;
            kl += mean;
            reports.add(
                    new ChannelReport(
                            mean,
                            channel.mutualInformation() / Math.max(1, estimates),
                            activity(c, activeVariance),
                            channel.aggregated(),
                            channel.saturation()));
        }
        return new PosteriorReport(samples, (long) nonFiniteBatches, kl, information(), reports);
    }

    private MutualInformation information() {
        double count = Math.max(1, estimates);
        return new MutualInformation(
                mutualInformation / count, bound / count, estimatedKl / count, (long) estimates);
    }

    private Activity activity(int channel, double limit) {
        int places = places();
        double sum = 0;
        int active = 0;
        for (int i = channel * places; i < (channel + 1) * places; i++) {
            sum += means.variance(i);
            active += means.variance(i) > limit ? 1 : 0;
        }
        double variance = sum / places;
        return new Activity(variance, variance > limit, active, places);
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
