// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.types.Shape;
import java.util.Objects;

/**
 * How the terms of the loss are reduced to a number: what the sum over all samples and elements of
 * each term is divided by.
 *
 * <p>Toolkits disagree here, so the same weight of the divergence means something else in each. The
 * {@link #effectiveBeta} makes weights comparable.
 *
 * @param reconstruction what the sum of the reconstruction term is divided by
 * @param kl what the sum of the KL term is divided by
 */
public record Reduction(Divisor reconstruction, Divisor kl) {

    /** Sums over samples and elements, as sigma-VAE's. */
    public static final Reduction SUM = new Reduction(Divisor.ONE, Divisor.ONE);

    /** Sums over the elements and means over the samples, as latent diffusion's and pythae's. */
    public static final Reduction SUM_PER_SAMPLE_MEAN_OVER_BATCH =
            new Reduction(Divisor.SAMPLES, Divisor.SAMPLES);

    /** Means over everything, each term over its own elements, as VA-VAE's. */
    public static final Reduction MEAN_PER_ELEMENT =
            new Reduction(Divisor.ELEMENTS, Divisor.ELEMENTS);

    /**
     * Both sums divided by the number of image elements, as MosaicML's: the scale of a mean with
     * the balance of sums.
     */
    public static final Reduction DIM_NORMALIZED =
            new Reduction(Divisor.ELEMENTS, Divisor.IMAGE_ELEMENTS);

    /**
     * The mean of the reconstruction term and the sum of the divergence per sample, as
     * PyTorch-VAE's and REPA-E's: the larger the images, the heavier the divergence.
     */
    public static final Reduction MEAN_RECONSTRUCTION_SUMMED_KL =
            new Reduction(Divisor.ELEMENTS, Divisor.SAMPLES);

    /** What a sum over all samples and elements is divided by. */
    public enum Divisor {
        /** Nothing. */
        ONE,
        /** The number of samples. */
        SAMPLES,
        /** The number of the term's own elements in all samples. */
        ELEMENTS,
        /** The number of elements of all images. */
        IMAGE_ELEMENTS;

        /** What the mean over the samples of a term's sum per sample is multiplied by. */
        double factor(Shape own, Shape images) {
            return switch (this) {
                case ONE -> own.get(0);
                case SAMPLES -> 1;
                case ELEMENTS -> 1.0 / own.slice(1).size();
                case IMAGE_ELEMENTS -> 1.0 / images.slice(1).size();
            };
        }
    }

    /** Checks that nothing is null. */
    public Reduction {
        Objects.requireNonNull(reconstruction, "reconstruction");
        Objects.requireNonNull(kl, "kl");
    }

    /**
     * The weight of the divergence, summed over the elements of a latent, relative to the
     * reconstruction term, summed over the elements of an image.
     *
     * <p>It is the \(\beta\) of a beta-VAE if the reconstruction term is a negative log-likelihood.
     *
     * @param weight the weight of the reduced KL term in the loss
     * @param images the shape of the images; (N, C, H, W)
     * @param latents the shape of the latents; (N, Z, ...)
     * @return the effective weight
     * @see <a href="https://openreview.net/forum?id=Sy2fzU9gl">Higgins et al. (2017), beta-VAE</a>,
     *     equation 4 and section 4.2
     */
    public double effectiveBeta(double weight, Shape images, Shape latents) {
        requireSamples("images", images);
        requireSamples("latents", latents);
        if (images.get(0) != latents.get(0)) {
            throw new IllegalArgumentException(
                    "images and latents must have as many samples, got images="
                            + images
                            + " and latents="
                            + latents);
        }
        return weight * kl.factor(latents, images) / reconstruction.factor(images, images);
    }

    private static void requireSamples(String name, Shape shape) {
        if (shape.dimension() < 2 || shape.size() < 1) {
            throw new IllegalArgumentException(
                    name + " must have samples on axis 0 and elements, got " + shape);
        }
    }
}
