// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import dev.penumbra.vae.diagnostic.EpochReport.Aggregate;
import dev.penumbra.vae.diagnostic.EpochReport.Saturation;

/** The sums of one channel over an epoch. */
final class ChannelStatistics {

    private CentralMoments aggregated = new CentralMoments();
    private double elements;
    private double kl;
    private double squaredMeans;
    private double variances;
    private double low;
    private double high;
    private double mutualInformation;

    void add(PosteriorBatch batch, int channel) {
        aggregated.add(CentralMoments.of(batch, channel));
        int places = batch.places();
        for (int n = 0; n < batch.samples(); n++) {
            int start = batch.index(n, channel, 0);
            for (int i = start; i < start + places; i++) {
                kl += batch.kl(i);
                squaredMeans += batch.mean(i) * batch.mean(i);
                variances += batch.variance(i);
            }
        }
        elements += (double) batch.samples() * places;
        low += batch.low(channel);
        high += batch.high(channel);
    }

    void addMutualInformation(double estimate) {
        mutualInformation += estimate;
    }

    /** The sum over samples and places. */
    double kl() {
        return kl;
    }

    /** The sum over batches. */
    double mutualInformation() {
        return mutualInformation;
    }

    Aggregate aggregated() {
        return new Aggregate(
                aggregated.mean(),
                aggregated.standardDeviation(),
                aggregated.excessKurtosis(),
                Math.sqrt(squaredMeans / elements),
                Math.sqrt(variances / elements));
    }

    Saturation saturation() {
        return new Saturation(low / elements, high / elements);
    }

    void write(DoubleWriter out) {
        aggregated.write(out);
        out.put(elements).put(kl).put(squaredMeans).put(variances);
        out.put(low).put(high).put(mutualInformation);
    }

    static ChannelStatistics read(DoubleReader in) {
        ChannelStatistics statistics = new ChannelStatistics();
        statistics.aggregated = CentralMoments.read(in);
        statistics.elements = in.next();
        statistics.kl = in.next();
        statistics.squaredMeans = in.next();
        statistics.variances = in.next();
        statistics.low = in.next();
        statistics.high = in.next();
        statistics.mutualInformation = in.next();
        return statistics;
    }
}
