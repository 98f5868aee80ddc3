// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

/**
 * The first four central moments of a mixture of Gaussians that arrives in parts.
 *
 * <p>A component \(N(\mu, v)\) at the distance \(d\) from a centre contributes its own moments:
 *
 * <p>\[ d^2 + v, \qquad d^3 + 3dv, \qquad d^4 + 6d^2v + 3v^2 \]
 *
 * <p>so that no latent is drawn.
 *
 * @see <a href="https://www.osti.gov/biblio/1028931">P&eacute;bay (2008), Formulas for Robust,
 *     One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical Moments</a>,
 *     section 2
 */
final class CentralMoments {

    private double count;
    private double mean;
    private double second;
    private double third;
    private double fourth;

    /** The moments of the components of one channel of a batch. */
    static CentralMoments of(PosteriorBatch batch, int channel) {
        CentralMoments moments = new CentralMoments();
        int places = batch.places();
        moments.count = (double) batch.samples() * places;
        double sum = 0;
        for (int n = 0; n < batch.samples(); n++) {
            int start = batch.index(n, channel, 0);
            for (int i = start; i < start + places; i++) {
                sum += batch.mean(i);
            }
        }
        moments.mean = sum / moments.count;
        for (int n = 0; n < batch.samples(); n++) {
            int start = batch.index(n, channel, 0);
            for (int i = start; i < start + places; i++) {
                double d = batch.mean(i) - moments.mean;
                double v = batch.variance(i);
                double square = d * d;
                moments.second += square + v;
                moments.third += d * (square + 3 * v);
                moments.fourth += square * square + 6 * square * v + 3 * v * v;
            }
        }
        return moments;
    }

    /** Adds the components of another part. */
    void add(CentralMoments other) {
        double a = count;
        double b = other.count;
        double n = a + b;
        if (b == 0) {
            return;
        }
        double delta = other.mean - mean;
        double square = delta * delta;
        double two = second + other.second + square * a * b / n;
        double three =
                third
                        + other.third
                        + square * delta * a * b * (a - b) / (n * n)
                        + 3 * delta * (a * other.second - b * second) / n;
        fourth +=
                other.fourth
                        + square * square * a * b * (a * a - a * b + b * b) / (n * n * n)
                        + 6 * square * (a * a * other.second + b * b * second) / (n * n)
                        + 4 * delta * (a * other.third - b * third) / n;
        third = three;
        second = two;
        mean += delta * b / n;
        count = n;
    }

    double mean() {
        return mean;
    }

    /** The standard deviation; 0 without components. */
    double standardDeviation() {
        return count == 0 ? 0 : Math.sqrt(second / count);
    }

    /** The excess kurtosis, 0 for a Gaussian; 0 too where nothing varies. */
    double excessKurtosis() {
        return second == 0 ? 0 : count * fourth / (second * second) - 3;
    }

    void write(DoubleWriter out) {
        out.put(count).put(mean).put(second).put(third).put(fourth);
    }

    static CentralMoments read(DoubleReader in) {
        CentralMoments moments = new CentralMoments();
        moments.count = in.next();
        moments.mean = in.next();
        moments.second = in.next();
        moments.third = in.next();
        moments.fourth = in.next();
        return moments;
    }
}
