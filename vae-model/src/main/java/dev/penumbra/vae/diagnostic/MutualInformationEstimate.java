// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.random.RandomGenerator;

/**
 * The mutual information of data and latents, estimated from one batch.
 *
 * <p>Each sample \(x_i\) of B draws one latent \(z_i = \mu_i + e^{s_i/2} \varepsilon_i\), and the
 * aggregated posterior is the mixture of the batch's posteriors with equal weights:
 *
 * <p>\[ \hat I = \frac1B \sum_i \ln \frac{q(z_i|x_i)}{\frac1B \sum_j q(z_i|x_j)} \]
 *
 * <p>Numerator and denominator share the noise, so that no estimate exceeds ln B; its expectation
 * is at most the mutual information. With the divergence of the posteriors from the prior, which
 * has a closed form, it gives that of the aggregated posterior:
 *
 * <p>\[ KL(q(z) \| p(z)) = E_x KL(q(z|x) \| p(z)) - I(x; z) \]
 *
 * @see <a href="https://arxiv.org/abs/1905.06922">Poole et al. (2019), On Variational Bounds of
 *     Mutual Information</a>, section 2
 * @see <a href="https://arxiv.org/abs/1802.04942">Chen et al. (2018), Isolating Sources of
 *     Disentanglement in VAEs</a>, section 3, for the decomposition and the weighted minibatch
 */
final class MutualInformationEstimate {

    private final double total;
    private final double[] channels;

    private MutualInformationEstimate(double total, double[] channels) {
        this.total = total;
        this.channels = channels;
    }

    /**
     * Estimates with noise of a generator.
     *
     * @param batch the posteriors
     * @param random the generator
     */
    static MutualInformationEstimate of(PosteriorBatch batch, RandomGenerator random) {
        double[] noise = new double[batch.samples() * batch.channels() * batch.places()];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = random.nextGaussian();
        }
        return of(batch, noise);
    }

    /**
     * Estimates with given noise.
     *
     * @param batch the posteriors
     * @param noise the noise; (N, Z, places)
     */
    static MutualInformationEstimate of(PosteriorBatch batch, double[] noise) {
        int samples = batch.samples();
        int channels = batch.channels();
        Densities densities = new Densities(batch);
        double[] whole = new double[samples];
        double[][] single = new double[channels][samples];
        double total = 0;
        double[] parts = new double[channels];
        for (int i = 0; i < samples; i++) {
            double[] latent = densities.latent(i, noise);
            for (int j = 0; j < samples; j++) {
                whole[j] = 0;
                for (int c = 0; c < channels; c++) {
                    single[c][j] = densities.log(latent, j, c);
                    whole[j] += single[c][j];
                }
            }
            total += whole[i] - logMean(whole);
            for (int c = 0; c < channels; c++) {
                parts[c] += single[c][i] - logMean(single[c]);
            }
        }
        for (int c = 0; c < channels; c++) {
            parts[c] /= samples;
        }
        return new MutualInformationEstimate(total / samples, parts);
    }

    /** The estimate for whole latents. */
    double total() {
        return total;
    }

    /** The estimate for a channel on its own. */
    double channel(int channel) {
        return channels[channel];
    }

    /** The logarithm of the mean of exponentials. */
    private static double logMean(double[] logs) {
        double max = Double.NEGATIVE_INFINITY;
        for (double log : logs) {
            max = Math.max(max, log);
        }
        double sum = 0;
        for (double log : logs) {
            sum += Math.exp(log - max);
        }
        return max + Math.log(sum / logs.length);
    }

    /** The log-densities of the posteriors, without the constant that they share. */
    private static final class Densities {

        private final int size;
        private final int places;
        private final int channels;
        private final double[] mean;
        private final double[] deviation;
        private final double[] precision;
        private final double[] logVar;

        Densities(PosteriorBatch batch) {
            places = batch.places();
            channels = batch.channels();
            size = places * channels;
            int length = batch.samples() * size;
            mean = new double[length];
            deviation = new double[length];
            precision = new double[length];
            logVar = new double[batch.samples() * channels];
            for (int i = 0; i < length; i++) {
                mean[i] = batch.mean(i);
                deviation[i] = Math.sqrt(batch.variance(i));
                precision[i] = 1 / batch.variance(i);
                logVar[i / places] += batch.logVar(i);
            }
        }

        double[] latent(int sample, double[] noise) {
            double[] latent = new double[size];
            int start = sample * size;
            for (int k = 0; k < size; k++) {
                latent[k] = mean[start + k] + deviation[start + k] * noise[start + k];
            }
            return latent;
        }

        double log(double[] latent, int sample, int channel) {
            int from = channel * places;
            int start = (sample * channels + channel) * places;
            double squares = 0;
            for (int p = 0; p < places; p++) {
                double distance = latent[from + p] - mean[start + p];
                squares += distance * distance * precision[start + p];
            }
            return -0.5 * (squares + logVar[sample * channels + channel]);
        }
    }
}
