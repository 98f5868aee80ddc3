// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.metric;

import ai.djl.ndarray.NDArray;
import dev.penumbra.vae.metric.SsimConvention.Border;
import java.util.stream.DoubleStream;

/**
 * The structural similarity of images, the mean over the channels and the places of the window.
 *
 * <p>\[ \text{SSIM} = \frac{(2 \mu_x \mu_y + C_1)(2 \sigma_{xy} + C_2)}{(\mu_x^2 + \mu_y^2 +
 * C_1)(\sigma_x^2 + \sigma_y^2 + C_2)} \]
 *
 * <p>with \(C_1 = (0.01 R)^2\) and \(C_2 = (0.03 R)^2\) for values of range R.
 *
 * @see <a href="https://doi.org/10.1109/TIP.2003.819861">Wang et al. (2004), Image Quality
 *     Assessment: From Error Visibility to Structural Similarity</a>, equation 13
 */
public final class Ssim {

    private final SsimConvention convention;
    private final double[] window;
    private final int height;
    private final int width;
    private final double c1;
    private final double c2;

    private Ssim(SsimConvention convention, int height, int width, double range) {
        this.convention = convention;
        window = convention.window();
        this.height = height;
        this.width = width;
        c1 = Math.pow(0.01 * range, 2);
        c2 = Math.pow(0.03 * range, 2);
    }

    /**
     * The similarity of each image.
     *
     * @param original the originals; (N, C, H, W)
     * @param reconstruction the reconstructions; (N, C, H, W)
     * @param range the difference between the greatest and the least possible value
     * @param convention the convention
     * @return a similarity per image, at most 1
     */
    public static double[] perImage(
            NDArray original, NDArray reconstruction, double range, SsimConvention convention) {
        ImagePair.requireRange(range);
        ImagePair pair = ImagePair.of(original, reconstruction);
        int height = (int) pair.shape().get(2);
        int width = (int) pair.shape().get(3);
        // Reflection needs as many pixels beyond the first as the window reaches over the edge.
        int least = convention.border() == Border.NONE ? convention.size() : smallest(convention);
        if (height < least || width < least) {
            throw new IllegalArgumentException(
                    "original must be at least "
                            + least
                            + " pixels high and wide for "
                            + convention
                            + ", got "
                            + pair.shape());
        }
        Ssim ssim = new Ssim(convention, height, width, range);
        double[] similarities = new double[pair.images()];
        int plane = height * width;
        int channels = pair.size() / plane;
        for (int i = 0; i < similarities.length; i++) {
            double sum = 0;
            for (int c = 0; c < channels; c++) {
                int offset = (i * channels + c) * plane;
                sum += ssim.ofPlane(pair.original(), pair.reconstruction(), offset);
            }
            similarities[i] = sum / channels;
        }
        return similarities;
    }

    private static int smallest(SsimConvention convention) {
        return convention.border() == Border.REFLECTED ? convention.size() / 2 + 1 : 1;
    }

    /**
     * The mean similarity of images.
     *
     * @param original the originals; (N, C, H, W)
     * @param reconstruction the reconstructions; (N, C, H, W)
     * @param range the difference between the greatest and the least possible value
     * @param convention the convention
     * @return the mean over the images
     */
    public static double mean(
            NDArray original, NDArray reconstruction, double range, SsimConvention convention) {
        return DoubleStream.of(perImage(original, reconstruction, range, convention))
                .average()
                .orElseThrow();
    }

    private double ofPlane(double[] x, double[] y, int offset) {
        double[][] moments = new double[5][height * width];
        for (int i = 0; i < height * width; i++) {
            double a = x[offset + i];
            double b = y[offset + i];
            moments[0][i] = a;
            moments[1][i] = b;
            moments[2][i] = a * a;
            moments[3][i] = b * b;
            moments[4][i] = a * b;
        }
        for (int m = 0; m < moments.length; m++) {
            moments[m] = columns(rows(moments[m]));
        }
        double sum = 0;
        for (int i = 0; i < moments[0].length; i++) {
            sum += similarity(moments, i);
        }
        return sum / moments[0].length;
    }

    private double similarity(double[][] moments, int i) {
        double meanX = moments[0][i];
        double meanY = moments[1][i];
        double factor = convention.covarianceFactor();
        double least = convention.leastVariance();
        double varianceX = Math.max(least, factor * (moments[2][i] - meanX * meanX));
        double varianceY = Math.max(least, factor * (moments[3][i] - meanY * meanY));
        double covariance = factor * (moments[4][i] - meanX * meanY);
        return (2 * meanX * meanY + c1)
                * (2 * covariance + c2)
                / ((meanX * meanX + meanY * meanY + c1) * (varianceX + varianceY + c2));
    }

    private double[] rows(double[] plane) {
        int places = places(width);
        double[] result = new double[height * places];
        for (int row = 0; row < height; row++) {
            for (int i = 0; i < places; i++) {
                result[row * places + i] = weighted(plane, row * width, 1, width, i);
            }
        }
        return result;
    }

    private double[] columns(double[] plane) {
        int columns = places(width);
        int places = places(height);
        double[] result = new double[places * columns];
        for (int i = 0; i < places; i++) {
            for (int column = 0; column < columns; column++) {
                result[i * columns + column] = weighted(plane, column, columns, height, i);
            }
        }
        return result;
    }

    private int places(int length) {
        return convention.border() == Border.NONE ? length - convention.size() + 1 : length;
    }

    /** The weighted sum along a line of a plane at one place of the window. */
    private double weighted(double[] plane, int first, int stride, int length, int place) {
        int begin = convention.border() == Border.NONE ? place : place - convention.size() / 2;
        double sum = 0;
        for (int k = 0; k < window.length; k++) {
            int i = begin + k;
            if (convention.border() == Border.REFLECTED) {
                i = i < 0 ? -i : i;
                i = i >= length ? 2 * (length - 1) - i : i;
            }
            if (i >= 0 && i < length) {
                sum += window[k] * plane[first + i * stride];
            }
        }
        return sum;
    }
}
