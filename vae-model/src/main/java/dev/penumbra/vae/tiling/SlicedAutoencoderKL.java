// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.ParameterStore;
import dev.penumbra.internal.operator.FiniteCheck;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.DiagonalGaussian;
import dev.penumbra.vae.LatentScale;
import java.util.Objects;
import java.util.function.UnaryOperator;

/**
 * An autoencoder that takes some samples of a batch at a time, without gradients, so that the
 * memory of activations does not grow with the batch.
 *
 * <p>Slices of at least two samples give the results of {@link AutoencoderKL} on the whole batch,
 * bit for bit where PyTorch computes with one thread of a CPU, otherwise up to rounding, because it
 * divides the work by the size of the batch. So that no slice has one sample only, the last may
 * begin with a sample that is already there: for single small samples PyTorch has other kernels. A
 * slice size of one gives the model's results for each sample alone.
 */
public final class SlicedAutoencoderKL {

    private final AutoencoderKL model;
    private final int sliceSize;

    private SlicedAutoencoderKL(AutoencoderKL model, int sliceSize) {
        this.model = model;
        this.sliceSize = sliceSize;
    }

    /**
     * Makes a sliced view of a model.
     *
     * @param model the model, whose weights are initialized
     * @param sliceSize the most samples at a time, at least 1
     * @return the view
     */
    public static SlicedAutoencoderKL of(AutoencoderKL model, int sliceSize) {
        Objects.requireNonNull(model, "model");
        if (sliceSize < 1) {
            throw new IllegalArgumentException("sliceSize must be at least 1, got " + sliceSize);
        }
        return new SlicedAutoencoderKL(model, sliceSize);
    }

    /**
     * The moments of the latents of images.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @return the means and log-variances, on the manager of the images; (N, 2Z, h, w)
     */
    public NDArray moments(ParameterStore store, NDArray images) {
        Shape shape = model.getOutputShapes(new Shape[] {images.getShape()})[1];
        Checks.requirePlain("images", images);
        FiniteCheck.requireFinite("images", images);
        return sliced(images, shape, slice -> model.moments(store, slice, false));
    }

    /**
     * The posterior of the latents of images, with the model's limits of the log-variance.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @return the posterior, on the manager of the images; (N, Z, h, w)
     */
    public DiagonalGaussian encode(ParameterStore store, NDArray images) {
        return DiagonalGaussian.ofMoments(moments(store, images), model.logVarClamp());
    }

    /**
     * The images of latents.
     *
     * @param store where the weights come from
     * @param latents the latents; (N, Z, h, w)
     * @return the images, on the manager of the latents; (N, C, H, W), where H and W are h and w
     *     times the scale
     */
    public NDArray decode(ParameterStore store, NDArray latents) {
        Shape shape = Checks.decoded(model.config(), latents.getShape());
        Checks.requirePlain("latents", latents);
        return sliced(latents, shape, slice -> model.decode(store, slice, false));
    }

    /**
     * The normalized latents of images: the modes.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @return the normalized latents, on the manager of the images; (N, Z, h, w)
     * @throws IllegalStateException if the model's normalization is not known
     */
    public NDArray encodeScaled(ParameterStore store, NDArray images) {
        LatentScale scale = Checks.scale(model);
        try (NDArray moments = moments(store, images);
                NDArray modes =
                        moments.get(new NDIndex(":, :{}", model.config().latentChannels()))) {
            return scale.normalize(modes);
        }
    }

    /**
     * The images of normalized latents, of the whole size that the latents cover.
     *
     * @param store where the weights come from
     * @param latents the normalized latents; (N, Z, h, w)
     * @return the images, on the manager of the latents; (N, C, H, W), where H and W are h and w
     *     times the scale
     * @throws IllegalStateException if the model's normalization is not known
     */
    public NDArray decodeScaled(ParameterStore store, NDArray latents) {
        model.config().requireKnownSize();
        return decodeWhole(store, latents);
    }

    private NDArray decodeWhole(ParameterStore store, NDArray latents) {
        LatentScale scale = Checks.scale(model);
        Checks.requirePlain("latents", latents);
        try (NDArray denormalized = scale.denormalize(latents)) {
            return decode(store, denormalized);
        }
    }

    /**
     * The images of normalized latents in the size of the images that were encoded: what was padded
     * at the bottom and the right is cut off.
     *
     * @param store where the weights come from
     * @param latents the normalized latents; (N, Z, h, w)
     * @param height the height H of the images that were encoded
     * @param width the width W of the images that were encoded
     * @return the images, on the manager of the latents; (N, C, H, W)
     * @throws IllegalArgumentException if images of this size have other latents
     * @throws IllegalStateException if the model's normalization is not known
     */
    public NDArray decodeScaled(ParameterStore store, NDArray latents, long height, long width) {
        Checks.scale(model);
        model.config().requireLatents(latents.getShape(), height, width);
        return Checks.cut(decodeWhole(store, latents), height, width);
    }

    private NDArray sliced(NDArray batch, Shape shape, UnaryOperator<NDArray> pass) {
        NDArray result = batch.getManager().create(shape, batch.getDataType(), batch.getDevice());
        try {
            long least = Math.min(sliceSize, 2);
            for (long from = 0; from < shape.get(0); from += sliceSize) {
                long to = Math.min(from + sliceSize, shape.get(0));
                NDIndex part = new NDIndex("{}:{}", Math.max(0, Math.min(from, to - least)), to);
                try (NDArray slice = batch.get(part);
                        NDArray output = pass.apply(slice);
                        NDArray plain = output.stopGradient()) {
                    result.set(part, plain);
                }
            }
            return result;
        } catch (RuntimeException | Error e) {
            result.close();
            throw e;
        }
    }
}
