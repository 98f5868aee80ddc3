// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/** The variance over the data of the posterior mean of each element, one sample at a time. */
final class ElementMeans {

    private final double[] mean;
    private final double[] squares;
    private long samples;

    ElementMeans(int elements) {
        this(new double[elements], new double[elements]);
    }

    private ElementMeans(double[] mean, double[] squares) {
        this.mean = mean;
        this.squares = squares;
    }

    /** Adds the samples of a batch. */
    void add(PosteriorBatch batch) {
        for (int n = 0; n < batch.samples(); n++) {
            samples++;
            int start = n * mean.length;
            for (int i = 0; i < mean.length; i++) {
                double delta = batch.mean(start + i) - mean[i];
                mean[i] += delta / samples;
                squares[i] += delta * (batch.mean(start + i) - mean[i]);
            }
        }
    }

    int elements() {
        return mean.length;
    }

    long samples() {
        return samples;
    }

    /** The unbiased variance of an element; 0 for fewer than two samples. */
    double variance(int element) {
        return samples < 2 ? 0 : squares[element] / (samples - 1);
    }

    void write(DoubleWriter out) {
        out.put(samples).put(mean).put(squares);
    }

    static ElementMeans read(DoubleReader in, int elements) {
        double count = in.next();
        ElementMeans means = new ElementMeans(in.next(elements), in.next(elements));
        means.samples = (long) count;
        return means;
    }
}
