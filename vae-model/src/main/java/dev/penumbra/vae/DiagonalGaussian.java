// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NativeScalar;
import java.util.random.RandomGenerator;

/**
 * Independent Gaussians, one per element of a latent: the posterior of an encoder.
 *
 * <p>Everything is differentiable and in nats. It is computed in float32 where the moments have
 * half precision, in which a log-variance above 11 has no finite variance, and otherwise in the
 * type of the moments. Results hang on the manager of the moments. The latent may have any number
 * of axes after the first two; they are written (N, Z, ...).
 */
public final class DiagonalGaussian {

    private static final double LOG_TWO_PI = Math.log(2 * Math.PI);

    private final NDArray mean;
    private final NDArray logVar;

    private DiagonalGaussian(NDArray mean, NDArray logVar) {
        this.mean = mean;
        this.logVar = logVar;
    }

    /**
     * The Gaussians of an encoder's output, with latent diffusion's limits of the log-variance.
     *
     * @param moments the means and the log-variances; (N, 2Z, ...)
     * @return the Gaussians
     */
    public static DiagonalGaussian ofMoments(NDArray moments) {
        return ofMoments(moments, LogVarClamp.LATENT_DIFFUSION);
    }

    /**
     * The Gaussians of an encoder's output.
     *
     * @param moments the means and the log-variances; (N, 2Z, ...)
     * @param clamp the limits of the log-variance
     * @return the Gaussians
     */
    public static DiagonalGaussian ofMoments(NDArray moments, LogVarClamp clamp) {
        Shape shape = moments.getShape();
        if (shape.dimension() < 2 || shape.get(1) < 2 || shape.get(1) % 2 != 0) {
            throw new IllegalArgumentException(
                    "moments must have an even number of channels on axis 1, got " + shape);
        }
        NDList halves = moments.split(2, 1);
        return of(halves.get(0), halves.get(1), clamp);
    }

    /**
     * The Gaussians of means and log-variances.
     *
     * @param mean the means; (N, Z, ...)
     * @param logVar the log-variances; (N, Z, ...)
     * @param clamp the limits of the log-variance
     * @return the Gaussians
     */
    public static DiagonalGaussian of(NDArray mean, NDArray logVar, LogVarClamp clamp) {
        if (mean.getShape().dimension() < 2) {
            throw new IllegalArgumentException(
                    "mean must have shape (N, Z, ...), got " + mean.getShape());
        }
        requireShape("logVar", logVar, mean.getShape());
        return new DiagonalGaussian(wide(mean), clamp.apply(wide(logVar)));
    }

    /** At least float32. */
    private static NDArray wide(NDArray array) {
        DataType type = array.getDataType();
        if (type == DataType.FLOAT32 || type == DataType.FLOAT64) {
            return array;
        }
        // A conversion would cut the graph; a product takes the wider type of the two.
        try (NDArray one = array.getManager().ones(new Shape(1), DataType.FLOAT32)) {
            return array.mul(one);
        }
    }

    private static void requireShape(String name, NDArray array, Shape shape) {
        if (!array.getShape().equals(shape)) {
            throw new IllegalArgumentException(
                    name + " must have shape " + shape + ", got " + array.getShape());
        }
    }

    /**
     * Returns the means.
     *
     * @return the means; (N, Z, ...)
     */
    public NDArray mean() {
        return mean;
    }

    /**
     * Returns the log-variances within their limits.
     *
     * @return the log-variances; (N, Z, ...)
     */
    public NDArray logVar() {
        return logVar;
    }

    /**
     * Returns the means and the log-variances within their limits as one array.
     *
     * @return the moments; (N, 2Z, ...)
     */
    public NDArray moments() {
        return mean.concat(logVar, 1);
    }

    /**
     * Returns the most probable latent, which is the mean.
     *
     * @return the mode; (N, Z, ...)
     */
    public NDArray mode() {
        return mean;
    }

    /**
     * Draws a latent with the engine's generator, whose seed is that of the engine.
     *
     * @return the latent; (N, Z, ...)
     */
    public NDArray sample() {
        return sample(mean.getManager().randomNormal(0, 1, mean.getShape(), DataType.FLOAT32));
    }

    /**
     * Draws a latent with a generator of Java: the same seed gives the same latent on every device.
     *
     * @param random the generator
     * @return the latent; (N, Z, ...)
     */
    public NDArray sample(RandomGenerator random) {
        float[] noise = new float[Math.toIntExact(mean.size())];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = (float) random.nextGaussian();
        }
        // Memory of PyTorch's, which the backward pass may still read when the array is closed.
        try (NDArray drawn = mean.getManager().create(noise, mean.getShape())) {
            return sample(drawn.duplicate());
        }
    }

    /**
     * The latent of given noise: \(\mu + e^{s/2} \varepsilon\).
     *
     * @param noise the noise, of any floating-point type; (N, Z, ...)
     * @return the latent; (N, Z, ...)
     */
    public NDArray sample(NDArray noise) {
        requireShape("noise", noise, mean.getShape());
        NDArray scaled = noise.toType(mean.getDataType(), false).mul(half(logVar).exp());
        return mean.add(scaled);
    }

    /**
     * The divergence of each element from the standard normal.
     *
     * @return the divergences; (N, Z, ...)
     */
    public NDArray klPerElement() {
        return half(mean.square().add(logVar.exp()).sub(1).sub(logVar));
    }

    /**
     * The divergence of each element from another's.
     *
     * @param other the other Gaussians, of the same shape
     * @return the divergences; (N, Z, ...)
     */
    public NDArray klPerElement(DiagonalGaussian other) {
        requireShape("other", other.mean, mean.getShape());
        NDArray difference = logVar.sub(other.logVar);
        return half(
                mean.sub(other.mean)
                        .square()
                        .mul(other.logVar.neg().exp())
                        .add(difference.exp())
                        .sub(1)
                        .sub(difference));
    }

    /**
     * The divergence of each sample from the standard normal, the sum over its elements.
     *
     * @return the divergences; (N)
     */
    public NDArray kl() {
        return perSample(klPerElement());
    }

    /**
     * The divergence of each sample from another's, the sum over its elements.
     *
     * @param other the other Gaussians, of the same shape
     * @return the divergences; (N)
     */
    public NDArray kl(DiagonalGaussian other) {
        return perSample(klPerElement(other));
    }

    /**
     * The divergence of each channel of each sample from the standard normal, the sum over its
     * places.
     *
     * @return the divergences; (N, Z)
     */
    public NDArray klPerChannel() {
        Shape shape = mean.getShape();
        return klPerElement().reshape(shape.get(0), shape.get(1), -1).sum(new int[] {2});
    }

    /**
     * The negative log-likelihood of each element of a latent.
     *
     * @param latent the latent; (N, Z, ...)
     * @return the negative log-likelihoods; (N, Z, ...)
     */
    public NDArray nllPerElement(NDArray latent) {
        requireShape("latent", latent, mean.getShape());
        NDArray distance = mean.sub(latent.toType(mean.getDataType(), false));
        return half(distance.square().mul(logVar.neg().exp()).add(logVar).add(LOG_TWO_PI));
    }

    /**
     * The negative log-likelihood of each sample of a latent, the sum over its elements.
     *
     * @param latent the latent; (N, Z, ...)
     * @return the negative log-likelihoods; (N)
     */
    public NDArray nll(NDArray latent) {
        return perSample(nllPerElement(latent));
    }

    private static NDArray half(NDArray x) {
        try (NDArray half = NativeScalar.of(x.getManager(), 0.5, x.getDataType())) {
            return x.mul(half);
        }
    }

    private static NDArray perSample(NDArray elements) {
        return elements.reshape(elements.getShape().get(0), -1).sum(new int[] {1});
    }
}
