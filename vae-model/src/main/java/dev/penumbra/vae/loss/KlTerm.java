// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.schedule.KlWeightSchedule;
import java.util.Objects;

/**
 * What the divergence of the posterior from the standard normal costs.
 *
 * <p>The value is that of one sample, in nats: a sum over the elements of a latent and a mean over
 * the samples. A {@link Reduction} scales it. A term of one's own is given like any other; a
 * checkpoint names it by its class, and a training goes on only with the same.
 */
@FunctionalInterface
public interface KlTerm {

    /**
     * The cost. It hangs on the manager of the posterior.
     *
     * @param posterior the posterior; (N, Z, ...)
     * @param step optimizer steps taken before; 0 for the first
     * @param weight the weight that the cost will have
     * @return the cost, without axes
     */
    NDArray value(DiagonalGaussian posterior, long step, double weight);

    /** When the mean over the samples of a batch is taken. */
    enum BatchMean {
        /** Before the term's function is applied. */
        FIRST,
        /** After it. */
        LAST
    }

    /** The divergence itself, as in a VAE and, with a weight other than 1, in a beta-VAE. */
    record Plain() implements KlTerm {

        @Override
        public NDArray value(DiagonalGaussian posterior, long step, double weight) {
            return posterior.kl().mean();
        }
    }

    /**
     * The divergence with a limit of the variance alone, as some implementations write it.
     *
     * <p>\[ \tfrac12 \left( \mu^2 + \min(e^s, v) - 1 - s \right) \]
     *
     * <p>The limit does not keep the variance \(e^s\) below v. Beyond it the derivative by the
     * log-variance s is \(-\tfrac12\), so the term goes on to push s outward and falls without
     * bound; what is drawn has the full variance. {@link dev.penumbra.vae.LogVarClamp#ofVariance}
     * as the clamp of the model limits divergence and draws alike.
     *
     * @param maxVariance the limit v, finite and above 0
     */
    record LimitedVariance(double maxVariance) implements KlTerm {

        /** Checks the limit. */
        public LimitedVariance {
            if (!(maxVariance > 0 && Double.isFinite(maxVariance))) {
                throw new IllegalArgumentException(
                        "maxVariance must be finite and above 0, got " + maxVariance);
            }
        }

        @Override
        public NDArray value(DiagonalGaussian posterior, long step, double weight) {
            NDArray logVar = posterior.logVar();
            NDArray variance = logVar.exp().clip(0, maxVariance);
            NDArray elements = posterior.mean().square().add(variance).sub(1).sub(logVar);
            NDArray sums = elements.reshape(elements.getShape().get(0), -1).sum(new int[] {1});
            return Differentiable.times(sums.mean(), 0.5);
        }
    }

    /**
     * The distance of the divergence from a capacity, which usually grows with the steps.
     *
     * <p>\[ |\overline{\text{KL}} - C_t| \quad \text{or} \quad \overline{|\text{KL} - C_t|} \]
     *
     * @param capacity the capacity \(C_t\) of each step, in nats per sample
     * @param mean when the mean is taken: first as in disentanglement_lib and PyTorch-VAE, last as
     *     in pythae
     * @see <a href="https://arxiv.org/abs/1804.03599">Burgess et al. (2018), Understanding
     *     Disentangling in beta-VAE</a>, equation 8
     */
    record Capacity(KlWeightSchedule capacity, BatchMean mean) implements KlTerm {

        /** Checks that nothing is null. */
        public Capacity {
            Objects.requireNonNull(capacity, "capacity");
            Objects.requireNonNull(mean, "mean");
        }

        @Override
        public NDArray value(DiagonalGaussian posterior, long step, double weight) {
            double nats = capacity.weightAt(step);
            return switch (mean) {
                case FIRST -> Differentiable.plus(posterior.kl().mean(), -nats).abs();
                case LAST -> Differentiable.plus(posterior.kl(), -nats).abs().mean();
            };
        }
    }

    /**
     * A floor under the divergence of each group: what lies below has no gradient.
     *
     * <p>\[ \sum_g \max(\lambda, \overline{\text{KL}_g}) \quad \text{or} \quad \overline{\sum_g
     * \max(\lambda, \text{KL}_g)} \]
     *
     * @param floor the floor \(\lambda\) of one group, in nats, finite and at least 0
     * @param group the groups
     * @param mean when the mean is taken
     * @see <a href="https://arxiv.org/abs/1606.04934">Kingma et al. (2016), Improving Variational
     *     Inference with Inverse Autoregressive Flow</a>, appendix C.8
     */
    record FreeBits(double floor, Group group, BatchMean mean) implements KlTerm {

        /** What shares a floor. */
        public enum Group {
            /** Nothing: each element of a latent has its own. */
            ELEMENT,
            /** The places of a channel. */
            CHANNEL,
            /** All elements of a latent. */
            LATENT
        }

        /** Checks the floor. */
        public FreeBits {
            if (!(floor >= 0 && Double.isFinite(floor))) {
                throw new IllegalArgumentException(
                        "floor must be finite and at least 0, got " + floor);
            }
            Objects.requireNonNull(group, "group");
            Objects.requireNonNull(mean, "mean");
        }

        /**
         * A floor for each element of each sample.
         *
         * @param floor the floor, in nats
         * @return the term
         */
        public static FreeBits perElement(double floor) {
            return new FreeBits(floor, Group.ELEMENT, BatchMean.LAST);
        }

        /**
         * A floor for the mean over the batch of each channel, as in the paper.
         *
         * @param floor the floor, in nats
         * @return the term
         */
        public static FreeBits perChannel(double floor) {
            return new FreeBits(floor, Group.CHANNEL, BatchMean.FIRST);
        }

        /**
         * A floor for each sample.
         *
         * @param floor the floor, in nats
         * @return the term
         */
        public static FreeBits perSample(double floor) {
            return new FreeBits(floor, Group.LATENT, BatchMean.LAST);
        }

        /**
         * A floor for the mean over the batch.
         *
         * @param floor the floor, in nats
         * @return the term
         */
        public static FreeBits perBatch(double floor) {
            return new FreeBits(floor, Group.LATENT, BatchMean.FIRST);
        }

        @Override
        public NDArray value(DiagonalGaussian posterior, long step, double weight) {
            NDArray groups = groups(posterior); // (N, G)
            int[] samples = {0};
            return switch (mean) {
                case FIRST -> Differentiable.maximum(groups.mean(samples), floor).sum();
                case LAST -> Differentiable.maximum(groups, floor).mean(samples).sum();
            };
        }

        private NDArray groups(DiagonalGaussian posterior) {
            long samples = posterior.mean().getShape().get(0);
            return switch (group) {
                case ELEMENT -> posterior.klPerElement().reshape(samples, -1);
                case CHANNEL -> posterior.klPerChannel();
                case LATENT -> posterior.kl().reshape(samples, 1);
            };
        }
    }

    /**
     * The divergence with more weight on the channels that already have more of it, so that none is
     * given up early.
     *
     * <p>\[ \sum_z \gamma_z \overline{\text{KL}_z}, \qquad \gamma_z \propto \overline{\text{KL}_z}
     * + 0.01 \]
     *
     * <p>with factors \(\gamma\) of mean 1 and without gradient, as long as the weight is below a
     * limit; from there on it is the plain divergence. Channels are of equal size, so NVAE's
     * division by the size of a group cancels.
     *
     * @param below the weight below which channels are balanced, above 0; 1 in NVAE
     * @see <a href="https://arxiv.org/abs/2007.03898">Vahdat and Kautz (2020), NVAE: A Deep
     *     Hierarchical Variational Autoencoder</a>, appendix A
     */
    record ChannelBalanced(double below) implements KlTerm {

        private static final double LEAST = 0.01;

        /** Checks the limit. */
        public ChannelBalanced {
            if (!(below > 0)) {
                throw new IllegalArgumentException("below must be above 0, got " + below);
            }
        }

        @Override
        public NDArray value(DiagonalGaussian posterior, long step, double weight) {
            if (weight >= below) {
                return posterior.kl().mean();
            }
            NDArray channels = posterior.klPerChannel().mean(new int[] {0});
            NDArray sizes = channels.stopGradient().abs().add(LEAST);
            return channels.mul(sizes.div(sizes.mean())).sum();
        }
    }
}
