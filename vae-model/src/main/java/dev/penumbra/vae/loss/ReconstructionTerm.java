// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import java.util.Objects;

/**
 * What each element of a reconstruction costs.
 *
 * <p>Everything is differentiable and computed in float32 at least. In the formulas x is an element
 * of an image and \(\hat{x}\) that of its reconstruction.
 *
 * <p>A term of one's own is given like any other. A checkpoint names it by its class, or a record
 * by its components, and a training goes on only with the same.
 */
public interface ReconstructionTerm {

    /**
     * The cost of each element. Results hang on the manager of the reconstruction.
     *
     * @param images the images; (N, C, H, W)
     * @param predictions the reconstruction; (N, C, H, W), the moments of the latents, and for
     *     learned scales the logarithm of the scale; (1)
     * @return the costs; (N, C, H, W)
     */
    NDArray perElement(NDArray images, NDList predictions);

    /**
     * Returns the least value of an image that the term is made for. A loss refuses images below.
     *
     * @return the value; negative infinity by default
     */
    default double minImage() {
        return Double.NEGATIVE_INFINITY;
    }

    /**
     * Returns the largest value of an image that the term is made for. A loss refuses images above.
     *
     * @return the value; infinity by default
     */
    default double maxImage() {
        return Double.POSITIVE_INFINITY;
    }

    /**
     * Tells whether the reconstruction is logits, so that one that looks like probabilities is
     * warned of.
     *
     * @return whether it is; false by default
     */
    default boolean takesLogits() {
        return false;
    }

    /** The absolute error \(|x - \hat{x}|\): a Laplace of scale 1 without its constant. */
    record L1() implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            return Differences.of(images, predictions).abs();
        }
    }

    /** Half the squared error \(\tfrac12 (x - \hat{x})^2\): a Gaussian of scale 1, no constant. */
    record L2() implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            return Differentiable.times(Differences.of(images, predictions).square(), 0.5);
        }
    }

    /** The squared error \((x - \hat{x})^2\): a Gaussian of variance one half, no constant. */
    record SquaredError() implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            return Differences.of(images, predictions).square();
        }
    }

    /**
     * The negative log-likelihood of a Gaussian of a fixed scale.
     *
     * <p>\[ \frac{(x - \hat{x})^2}{2 \sigma^2} + \ln \sigma + \tfrac12 \ln 2\pi \]
     *
     * @param sigma the standard deviation \(\sigma\), finite and above 0
     */
    record Gaussian(double sigma) implements ReconstructionTerm {

        /** Checks the scale. */
        public Gaussian {
            Differences.requireScale("sigma", sigma);
        }

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray squares = Differences.of(images, predictions).square();
            return Differentiable.times(squares, 0.5 / (sigma * sigma))
                    .add(Math.log(sigma) + Differences.HALF_LOG_TWO_PI);
        }
    }

    /**
     * The negative log-likelihood of a Gaussian whose scale is learned, with {@link WithLogScale}.
     *
     * <p>\[ \tfrac12 (x - \hat{x})^2 e^{-2s} + s + \tfrac12 \ln 2\pi \]
     *
     * @see <a href="https://arxiv.org/abs/2006.13202">Rybkin et al. (2021), Simple and Effective
     *     VAE Training with Calibrated Decoders</a>, section 3.1
     */
    record LearnedGaussian() implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray squares = Differences.of(images, predictions).square();
            return Differences.gaussian(squares, Differences.logScale(predictions));
        }
    }

    /**
     * The negative log-likelihood of a Gaussian of the scale that is best for the batch.
     *
     * <p>\[ s^* = \tfrac12 \ln \overline{(x - \hat{x})^2}, \qquad s = m + \ln(1 + e^{s^* - m}),
     * \qquad \tfrac12 (x - \hat{x})^2 e^{-2s} + s + \tfrac12 \ln 2\pi \]
     *
     * <p>with the mean over all samples and elements. Gradients pass through the scale.
     *
     * @param minLogSigma the limit m, which s approaches from above
     * @see <a href="https://arxiv.org/abs/2006.13202">Rybkin et al. (2021), Simple and Effective
     *     VAE Training with Calibrated Decoders</a>, section 3.2; their code has a limit of -6
     */
    record OptimalGaussian(double minLogSigma) implements ReconstructionTerm {

        // Far below every limit in use: without an error the logarithm still has a gradient.
        private static final double LEAST = 1e-30;

        /** Checks the limit. */
        public OptimalGaussian {
            if (!Double.isFinite(minLogSigma)) {
                throw new IllegalArgumentException(
                        "minLogSigma must be finite, got " + minLogSigma);
            }
        }

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray squares = Differences.of(images, predictions).square();
            NDArray variance = Differentiable.plus(squares.mean(), LEAST);
            NDArray best = Differentiable.times(variance.log(), 0.5);
            NDArray above = Differentiable.softplus(Differentiable.plus(best, -minLogSigma));
            NDArray limited = Differentiable.plus(above, minLogSigma);
            return Differences.gaussian(squares, limited);
        }
    }

    /**
     * The negative log-likelihood of a Laplace distribution of a fixed scale.
     *
     * <p>\[ \frac{|x - \hat{x}|}{b} + \ln 2b \]
     *
     * @param scale the scale b, finite and above 0
     */
    record Laplace(double scale) implements ReconstructionTerm {

        /** Checks the scale. */
        public Laplace {
            Differences.requireScale("scale", scale);
        }

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray distances = Differences.of(images, predictions).abs();
            return Differentiable.times(distances, 1 / scale).add(Math.log(2 * scale));
        }
    }

    /**
     * The negative log-likelihood of a Laplace distribution whose scale is learned, with {@link
     * WithLogScale}: what latent diffusion's log-variance is meant to be, which its optimizer never
     * sees.
     *
     * <p>\[ |x - \hat{x}| e^{-s} + s + \ln 2 \]
     */
    record LearnedLaplace() implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray distances = Differences.of(images, predictions).abs();
            NDArray scale = Differences.logScale(predictions);
            return distances.mul(scale.neg().exp()).add(scale).add(Math.log(2));
        }
    }

    /**
     * The negative log-likelihood of a Bernoulli distribution, from logits.
     *
     * <p>\[ \ln(1 + e^l) - l x \]
     *
     * <p>Elements of images must be in [0, 1]. The reconstruction is the logits l; an image of it
     * is their sigmoid.
     */
    record Bernoulli() implements ReconstructionTerm {

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray logits = Differences.reconstruction(images, predictions);
            // The backward pass reads the images, whose memory may be Java's.
            try (NDArray copy = images.duplicate()) {
                return Differentiable.softplus(logits).sub(logits.mul(copy));
            }
        }

        @Override
        public double minImage() {
            return 0;
        }

        @Override
        public double maxImage() {
            return 1;
        }

        @Override
        public boolean takesLogits() {
            return true;
        }
    }

    /**
     * A term and a perceptual distance.
     *
     * <p>The distance of an image is added to the cost of each of its elements, as in latent
     * diffusion: next to a sum over elements it counts as often as the image has elements.
     *
     * @param base the term
     * @param network the distance; whoever loaded it closes it
     * @param weight the weight of the distance, finite and at least 0
     */
    record WithPerceptual(ReconstructionTerm base, PerceptualNetwork network, double weight)
            implements ReconstructionTerm {

        /** Checks every component. */
        public WithPerceptual {
            Objects.requireNonNull(base, "base");
            Objects.requireNonNull(network, "network");
            if (base.takesLogits()) {
                throw new IllegalArgumentException(
                        "base must not take logits, which the network would compare with images,"
                                + " got "
                                + base);
            }
            if (!(weight >= 0 && Double.isFinite(weight))) {
                throw new IllegalArgumentException(
                        "weight must be finite and at least 0, got " + weight);
            }
        }

        @Override
        public NDArray perElement(NDArray images, NDList predictions) {
            NDArray reconstruction = Differences.reconstruction(images, predictions);
            NDArray distances = network.distances(images, reconstruction);
            return base.perElement(images, predictions)
                    .add(Differentiable.times(Differentiable.wide(distances), weight));
        }

        @Override
        public double minImage() {
            return base.minImage();
        }

        @Override
        public double maxImage() {
            return base.maxImage();
        }

        @Override
        public boolean takesLogits() {
            return base.takesLogits();
        }
    }
}
