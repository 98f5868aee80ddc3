// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

/**
 * The mean and the variance of numbers that come in parts.
 *
 * @see <a href="https://doi.org/10.1007/978-3-642-51461-6_3">Chan, Golub and LeVeque (1982),
 *     Updating Formulae and a Pairwise Algorithm for Computing Sample Variances</a>, equation 2.1
 */
final class RunningMoments {

    private long count;
    private double mean;

    /** The sum of the squared distances from the mean. */
    private double squares;

    /** The moments of channel {@code channel} of latents of {@code shape[1]} channels. */
    static RunningMoments of(double[] latents, int samples, int channels, int channel) {
        RunningMoments moments = new RunningMoments();
        int places = samples == 0 ? 0 : latents.length / samples / channels;
        moments.count = (long) samples * places;
        if (moments.count == 0) {
            return moments;
        }
        // The second round corrects the mean, which the first one rounds.
        for (int round = 0; round < 2; round++) {
            double sum = 0;
            moments.squares = 0;
            for (int sample = 0; sample < samples; sample++) {
                int begin = (sample * channels + channel) * places;
                for (int i = begin; i < begin + places; i++) {
                    double distance = latents[i] - moments.mean;
                    sum += distance;
                    moments.squares += distance * distance;
                }
            }
            moments.mean += sum / moments.count;
        }
        return moments;
    }

    /** Adds the numbers of others. */
    void add(RunningMoments other) {
        if (other.count == 0) {
            return;
        }
        long total = count + other.count;
        double distance = other.mean - mean;
        double share = (double) other.count / total;
        mean += distance * share;
        squares += other.squares + distance * distance * share * count;
        count = total;
    }

    long count() {
        return count;
    }

    double mean() {
        return mean;
    }

    /** The mean squared distance from the mean. */
    double variance() {
        return squares / count;
    }
}
