// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.metric;

import java.util.stream.DoubleStream;

/**
 * A convention of the structural similarity: its window, its border, its covariance.
 *
 * <p>For one pair of images the conventions differ by more than the models they are to compare.
 */
public enum SsimConvention {
    /**
     * Wang et al.'s: a Gaussian window of 11 × 11 with a standard deviation of 1.5, only where it
     * fits. So do pytorch-msssim, and scikit-image with {@code gaussian_weights=True, sigma=1.5,
     * use_sample_covariance=False}.
     */
    WANG(11, -1, Border.NONE, false),
    /**
     * torchmetrics': Wang's window over images that are continued by reflection, with variances of
     * at least 0.
     */
    TORCHMETRICS(11, -1, Border.REFLECTED, false),
    /** pythae's: Wang's window over images that are continued by zeros. */
    ZERO_PADDED(11, -1, Border.ZERO, false),
    /** scikit-image's default: equal weights over 7 × 7, sample covariances, where it fits. */
    SCIKIT_IMAGE(7, 0, Border.NONE, true),
    /**
     * PyTorch-VAE's: zeros at the border as {@link #ZERO_PADDED}, and a window that lacks the minus
     * sign, so that corners weigh most.
     */
    PYTORCH_VAE(11, 1, Border.ZERO, false);

    /** What lies beyond the edge of an image. */
    enum Border {
        NONE,
        REFLECTED,
        ZERO
    }

    private static final double SIGMA = 1.5;

    private final int size;
    private final int sign;
    private final Border border;
    private final boolean sampleCovariance;

    SsimConvention(int size, int sign, Border border, boolean sampleCovariance) {
        this.size = size;
        this.sign = sign;
        this.border = border;
        this.sampleCovariance = sampleCovariance;
    }

    /** The weights of the window's rows and columns; the weight of a pixel is their product. */
    double[] window() {
        double[] weights = new double[size];
        for (int i = 0; i < size; i++) {
            double distance = i - size / 2;
            weights[i] = Math.exp(sign * distance * distance / (2 * SIGMA * SIGMA));
        }
        double sum = DoubleStream.of(weights).sum();
        return DoubleStream.of(weights).map(w -> w / sum).toArray();
    }

    /** The number of pixels of the window along an axis. */
    int size() {
        return size;
    }

    Border border() {
        return border;
    }

    /** What turns the covariance of the window's pixels into the convention's. */
    double covarianceFactor() {
        double pixels = (double) size * size;
        return sampleCovariance ? pixels / (pixels - 1) : 1;
    }

    /** The least variance. */
    double leastVariance() {
        return this == TORCHMETRICS ? 0 : Double.NEGATIVE_INFINITY;
    }
}
