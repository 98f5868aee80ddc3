// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;

/** The posteriors of a batch in double precision, in the order (N, Z, places). */
final class PosteriorBatch {

    private final int samples;
    private final int channels;
    private final int places;
    private final double[] mean;
    private final double[] logVar;
    private final double[] variance;
    private final double[] kl;
    private final long[] low;
    private final long[] high;
    private final long nonFinite;

    private PosteriorBatch(double[] moments, int[] sizes, ClampLimits clamp) {
        samples = sizes[0];
        channels = sizes[1];
        places = sizes[2];
        int half = channels * places;
        mean = new double[samples * half];
        logVar = new double[samples * half];
        variance = new double[samples * half];
        kl = new double[samples * half];
        low = new long[channels];
        high = new long[channels];
        long lost = 0;
        for (int n = 0; n < samples; n++) {
            for (int i = 0; i < half; i++) {
                double m = moments[2 * n * half + i];
                double s = moments[(2 * n + 1) * half + i];
                lost += isFinite(m) && isFinite(s) ? 0 : 1;
                low[i / places] += clamp.atMin(s) ? 1 : 0;
                high[i / places] += clamp.atMax(s) ? 1 : 0;
                int at = n * half + i;
                mean[at] = m;
                logVar[at] = clamp.apply(s);
                variance[at] = Math.exp(logVar[at]);
                // One exponential for both; the cancellation near the prior is below 1e-15 nats.
                kl[at] = 0.5 * (m * m + (variance[at] - 1) - logVar[at]);
            }
        }
        nonFinite = lost;
    }

    /**
     * Reads the moments of a batch, with one transfer from the device.
     *
     * @param moments the means and the log-variances that the model has limited; (N, 2Z, ...)
     */
    static PosteriorBatch of(NDArray moments, ClampLimits clamp) {
        Shape shape = moments.getShape();
        if (shape.dimension() < 2 || shape.get(1) < 2 || shape.get(1) % 2 != 0) {
            throw new IllegalArgumentException(
                    "moments must have an even number of channels on axis 1, got " + shape);
        }
        if (shape.size() == 0) {
            throw new IllegalArgumentException("moments must not be empty, got " + shape);
        }
        int samples = Math.toIntExact(shape.get(0));
        int channels = Math.toIntExact(shape.get(1) / 2);
        int places = Math.toIntExact(shape.size() / shape.get(0) / shape.get(1));
        return new PosteriorBatch(doubles(moments), new int[] {samples, channels, places}, clamp);
    }

    private static double[] doubles(NDArray moments) {
        if (moments.getDataType() == DataType.FLOAT64) {
            return moments.toDoubleArray();
        }
        float[] floats;
        if (moments.getDataType() == DataType.FLOAT32) {
            floats = moments.toFloatArray();
        } else {
            try (NDArray wide = moments.toType(DataType.FLOAT32, false)) {
                floats = wide.toFloatArray();
            }
        }
        double[] values = new double[floats.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = floats[i];
        }
        return values;
    }

    /** Beyond float32 a fourth power overflows, so that such a number counts as infinite. */
    private static boolean isFinite(double value) {
        return Float.isFinite((float) value);
    }

    int samples() {
        return samples;
    }

    int channels() {
        return channels;
    }

    int places() {
        return places;
    }

    /** The place of an element's numbers. */
    int index(int sample, int channel, int place) {
        return (sample * channels + channel) * places + place;
    }

    double mean(int index) {
        return mean[index];
    }

    double logVar(int index) {
        return logVar[index];
    }

    double variance(int index) {
        return variance[index];
    }

    double kl(int index) {
        return kl[index];
    }

    /** The number of log-variances of a channel at the lower limit or below. */
    long low(int channel) {
        return low[channel];
    }

    /** The number of log-variances of a channel at the upper limit or above. */
    long high(int channel) {
        return high[channel];
    }

    /** The number of elements with a mean or log-variance that is not finite. */
    long nonFinite() {
        return nonFinite;
    }

    /** The divergence of each channel: the mean over samples, the sum over places. */
    double[] klPerChannel() {
        double[] sums = new double[channels];
        for (int i = 0; i < kl.length; i++) {
            sums[i / places % channels] += kl[i];
        }
        for (int c = 0; c < channels; c++) {
            sums[c] /= samples;
        }
        return sums;
    }
}
