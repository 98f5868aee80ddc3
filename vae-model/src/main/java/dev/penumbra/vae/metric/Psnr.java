// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.metric;

import ai.djl.ndarray.NDArray;
import java.util.stream.DoubleStream;

/**
 * The peak signal-to-noise ratio, in decibels.
 *
 * <p>\[ \text{PSNR} = 10 \log_{10} \frac{R^2}{\text{MSE}} \]
 *
 * <p>with the range R of the values. It is infinite where the mean squared error is 0. Two
 * conventions are in use: one ratio per image, of which the mean is reported, and one ratio of the
 * error over all images. The first is never below the second.
 */
public final class Psnr {

    private Psnr() {}

    /**
     * The mean of ratios per image, apart from images without error.
     *
     * @param mean the mean of the finite ratios, in decibels; NaN if there is none
     * @param images the number of images
     * @param identical the number of images whose ratio is infinite
     */
    public record Mean(double mean, long images, long identical) {}

    /**
     * The ratio of an error.
     *
     * @param meanSquaredError the mean squared error, at least 0
     * @param range the difference between the greatest and the least possible value
     * @return the ratio, in decibels
     */
    public static double of(double meanSquaredError, double range) {
        ImagePair.requireRange(range);
        if (!(meanSquaredError >= 0)) {
            throw new IllegalArgumentException(
                    "meanSquaredError must be at least 0, got " + meanSquaredError);
        }
        return 10 * Math.log10(range * range / meanSquaredError);
    }

    /**
     * The ratio of each image, as scikit-image has it.
     *
     * @param original the originals; (N, C, H, W)
     * @param reconstruction the reconstructions; (N, C, H, W)
     * @param range the difference between the greatest and the least possible value
     * @return a ratio per image, in decibels
     */
    public static double[] perImage(NDArray original, NDArray reconstruction, double range) {
        ImagePair pair = ImagePair.of(original, reconstruction);
        double[] ratios = new double[pair.images()];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = of(squares(pair, i) / pair.size(), range);
        }
        return ratios;
    }

    /**
     * The mean of the ratios of the images.
     *
     * @param original the originals; (N, C, H, W)
     * @param reconstruction the reconstructions; (N, C, H, W)
     * @param range the difference between the greatest and the least possible value
     * @return the mean and what it leaves out
     */
    public static Mean meanOfImages(NDArray original, NDArray reconstruction, double range) {
        double[] ratios = perImage(original, reconstruction, range);
        double[] finite = DoubleStream.of(ratios).filter(Double::isFinite).toArray();
        long identical = DoubleStream.of(ratios).filter(r -> r == Double.POSITIVE_INFINITY).count();
        double mean = DoubleStream.of(finite).average().orElse(Double.NaN);
        return new Mean(mean, ratios.length, identical);
    }

    /**
     * The ratio of the error over all images, as torchmetrics has it.
     *
     * @param original the originals; (N, C, H, W)
     * @param reconstruction the reconstructions; (N, C, H, W)
     * @param range the difference between the greatest and the least possible value
     * @return the ratio, in decibels
     */
    public static double pooled(NDArray original, NDArray reconstruction, double range) {
        ImagePair pair = ImagePair.of(original, reconstruction);
        double sum = 0;
        for (int i = 0; i < pair.images(); i++) {
            sum += squares(pair, i);
        }
        return of(sum / pair.original().length, range);
    }

    private static double squares(ImagePair pair, int image) {
        double sum = 0;
        for (int i = image * pair.size(); i < (image + 1) * pair.size(); i++) {
            double difference = pair.original()[i] - pair.reconstruction()[i];
            sum += difference * difference;
        }
        return sum;
    }
}
