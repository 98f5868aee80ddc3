// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import dev.penumbra.internal.operator.FiniteCheck;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UTFDataFormatException;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The variational autoencoder of latent diffusion.
 *
 * <p>As a block it maps images to their reconstructions and the moments of their latents, the
 * log-variances within the limits of the configuration. In training the latent is drawn, otherwise
 * it is the mode; noise as a second input decides the draw in either case.
 *
 * <p>The model owns the normalization of its latents, a {@link LatentScale}: it is saved with the
 * weights, and loaded where a file has one. {@link LatentStatistics} estimates it.
 *
 * <p>Weights have PyTorch's default distribution. The names of diffusers are in {@link
 * ParameterNames}.
 *
 * @see <a href="https://arxiv.org/abs/2112.10752">Rombach et al. (2022), High-Resolution Image
 *     Synthesis with Latent Diffusion Models</a>, section 3.1 and appendix G
 */
public final class AutoencoderKL extends AbstractBlock implements VariationalBlock {

    private static final byte VERSION = 3;

    /** That of files without a latent scale. */
    private static final byte UNSCALED = 1;

    /** That of files without a clamp, which was latent diffusion's. */
    private static final byte UNCLAMPED = 2;

    private final AutoencoderKLConfig config;
    private final Encoder encoder;
    private final Decoder decoder;
    private final @Nullable Convolution quantConv;
    private final @Nullable Convolution postQuantConv;
    private @Nullable LatentScale latentScale;

    /**
     * Makes the block.
     *
     * @param config the architecture
     */
    public AutoencoderKL(AutoencoderKLConfig config) {
        super(VERSION);
        this.config = Objects.requireNonNull(config, "config");
        long z = config.latentChannels();
        encoder = addChildBlock("encoder", new Encoder(config));
        decoder = addChildBlock("decoder", new Decoder(config));
        boolean quant = config.quantConvolutions();
        quantConv = quant ? addChildBlock("quant_conv", Convolution.pointwise(2 * z, 2 * z)) : null;
        postQuantConv =
                quant ? addChildBlock("post_quant_conv", Convolution.pointwise(z, z)) : null;
    }

    /**
     * Returns the architecture.
     *
     * @return the architecture
     */
    public AutoencoderKLConfig config() {
        return config;
    }

    @Override
    public LogVarClamp logVarClamp() {
        return config.logVarClamp();
    }

    /**
     * The moments of the latents of images, as the encoder says them: without the clamp.
     *
     * @param store where the weights come from
     * @param images the images, finite; (N, C, H, W)
     * @param training whether the weights are asked for with gradients
     * @return the means and log-variances; (N, 2Z, h, w)
     * @throws IllegalArgumentException if the images have other channels, a size that is not
     *     accepted or a value that is not finite
     */
    public NDArray moments(ParameterStore store, NDArray images, boolean training) {
        Shape shape = padded(images.getShape());
        FiniteCheck.requireFinite("images", images);
        Pass pass = new Pass(store, training);
        NDArray moments;
        if (shape.equals(images.getShape())) {
            moments = encoder.apply(pass, images);
        } else {
            moments = encoder.applyTo(pass, pad(images, shape));
        }
        return quantConv == null ? moments : quantConv.applyTo(pass, moments);
    }

    /**
     * The posterior of the latents of images, with the configuration's limits of the log-variance.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @param training whether the weights are asked for with gradients
     * @return the posterior; (N, Z, h, w)
     */
    public DiagonalGaussian encode(ParameterStore store, NDArray images, boolean training) {
        return DiagonalGaussian.ofMoments(moments(store, images, training), logVarClamp());
    }

    /**
     * The images of latents.
     *
     * @param store where the weights come from
     * @param latents the latents; (N, Z, h, w)
     * @param training whether the weights are asked for with gradients
     * @return the images; (N, C, H, W), where H and W are h and w times the scale
     */
    public NDArray decode(ParameterStore store, NDArray latents, boolean training) {
        Shape shape = latents.getShape();
        if (shape.dimension() != 4 || shape.get(1) != config.latentChannels()) {
            throw new IllegalArgumentException(
                    "latents must have shape (N, "
                            + config.latentChannels()
                            + ", h, w), got "
                            + shape);
        }
        Pass pass = new Pass(store, training);
        if (postQuantConv == null) {
            return decoder.apply(pass, latents);
        }
        return decoder.applyTo(pass, postQuantConv.apply(pass, latents));
    }

    /**
     * Returns the normalization of the latents.
     *
     * @return the normalization; empty if it is not known
     */
    public Optional<LatentScale> latentScale() {
        return Optional.ofNullable(latentScale);
    }

    /**
     * Sets the normalization of the latents, which is saved with the weights.
     *
     * @param scale the normalization, of 1 or Z channels
     */
    public void setLatentScale(LatentScale scale) {
        scale.requireFor(config.latentChannels());
        latentScale = scale;
    }

    /**
     * The normalized latents of images: the modes, or in training drawn ones.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @param training whether the weights are asked for with gradients
     * @return the normalized latents, in the type of the weights; (N, Z, h, w)
     * @throws IllegalStateException if the normalization is not known
     */
    public NDArray encodeScaled(ParameterStore store, NDArray images, boolean training) {
        return encodeScaled(store, images, null, training);
    }

    /**
     * The normalized latents of images.
     *
     * @param store where the weights come from
     * @param images the images; (N, C, H, W)
     * @param noise the noise that decides the draw; (N, Z, h, w); without it, the latents are the
     *     modes, or in training drawn ones
     * @param training whether the weights are asked for with gradients
     * @return the normalized latents, in the type of the weights; (N, Z, h, w)
     * @throws IllegalStateException if the normalization is not known
     */
    public NDArray encodeScaled(
            ParameterStore store, NDArray images, @Nullable NDArray noise, boolean training) {
        LatentScale scale = requireLatentScale();
        NDArray moments = moments(store, images, training);
        DiagonalGaussian posterior = DiagonalGaussian.ofMoments(moments, logVarClamp());
        NDArray latents = LatentDraw.of(posterior, noise, training);
        return scale.normalize(latents).toType(moments.getDataType(), false);
    }

    /**
     * The images of normalized latents, of the whole size that the latents cover. For images that
     * were padded before they were encoded it would be greater than theirs, so a model that pads is
     * asked with their size: {@link #decodeScaled(ParameterStore, NDArray, long, long, boolean)}.
     *
     * @param store where the weights come from
     * @param latents the normalized latents; (N, Z, h, w)
     * @param training whether the weights are asked for with gradients
     * @return the images; (N, C, H, W), where H and W are h and w times the scale
     * @throws IllegalStateException if the normalization is not known, or if the model pads
     */
    public NDArray decodeScaled(ParameterStore store, NDArray latents, boolean training) {
        config.requireKnownSize();
        return decodeWhole(store, latents, training);
    }

    private NDArray decodeWhole(ParameterStore store, NDArray latents, boolean training) {
        try (NDArray denormalized = requireLatentScale().denormalize(latents)) {
            return decode(store, denormalized, training);
        }
    }

    /**
     * The images of normalized latents in the size of the images that were encoded, as the forward
     * pass returns them: what was padded at the bottom and the right is cut off.
     *
     * @param store where the weights come from
     * @param latents the normalized latents; (N, Z, h, w)
     * @param height the height H of the images that were encoded
     * @param width the width W of the images that were encoded
     * @param training whether the weights are asked for with gradients
     * @return the images; (N, C, H, W)
     * @throws IllegalArgumentException if images of this size have other latents
     * @throws IllegalStateException if the normalization is not known
     */
    public NDArray decodeScaled(
            ParameterStore store, NDArray latents, long height, long width, boolean training) {
        requireLatentScale();
        config.requireLatents(latents.getShape(), height, width);
        return cut(decodeWhole(store, latents, training), height, width);
    }

    /** The upper left part of images, which are closed if it is not all of them. */
    private static NDArray cut(NDArray images, long height, long width) {
        Shape shape = images.getShape();
        if (shape.get(2) == height && shape.get(3) == width) {
            return images;
        }
        try (images) {
            return images.get(new NDIndex(":, :, :{}, :{}", height, width));
        }
    }

    private LatentScale requireLatentScale() {
        if (latentScale == null) {
            throw new IllegalStateException(
                    "The model has no latent scale yet: call setLatentScale(...) before");
        }
        return latentScale;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray images = inputs.get(0);
        Shape shape = images.getShape();
        NDArray moments = moments(store, images, training);
        DiagonalGaussian posterior = DiagonalGaussian.ofMoments(moments, logVarClamp());
        NDArray noise = inputs.size() > 1 ? inputs.get(1) : null;
        NDArray latents = LatentDraw.of(posterior, noise, training);
        // The posterior of half precision is single; the decoder reads what its weights are.
        NDArray read = latents.toType(moments.getDataType(), false);
        NDArray decoded = decode(store, read, training);
        return new NDList(cut(decoded, shape.get(2), shape.get(3)), posterior.moments());
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape images = inputShapes[0];
        Shape moments = encoder.outputShape(padded(images));
        Shape output = new Shape(images.get(0), config.outChannels(), images.get(2), images.get(3));
        return new Shape[] {output, moments};
    }

    @Override
    public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {
        FloatingType.require(dataType);
        super.initialize(manager, dataType, inputShapes);
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape images = padded(inputShapes[0]);
        Shape moments = encoder.outputShape(images);
        Shape latents =
                new Shape(moments.get(0), config.latentChannels(), moments.get(2), moments.get(3));
        encoder.initialize(manager, dataType, images);
        decoder.initialize(manager, dataType, latents);
        if (quantConv != null && postQuantConv != null) {
            quantConv.initialize(manager, dataType, moments);
            postQuantConv.initialize(manager, dataType, latents);
        }
    }

    /** The shape that is encoded, after checks of the images'. */
    private Shape padded(Shape images) {
        VaeBlock.requireImages(images, config.inChannels());
        long scale = config.scale();
        long height = images.get(2);
        long width = images.get(3);
        boolean whole = height % scale == 0 && width % scale == 0;
        if (height < 1 || width < 1 || (!whole && config.oddSizes() == OddSizes.REJECT)) {
            throw new IllegalArgumentException(
                    "height and width must be positive multiples of " + scale + ", got " + images);
        }
        return new Shape(images.get(0), images.get(1), up(height, scale), up(width, scale));
    }

    private static long up(long size, long scale) {
        return (size + scale - 1) / scale * scale;
    }

    /** Repeats the last row and column. */
    private static NDArray pad(NDArray images, Shape shape) {
        try (NDArray tall = repeatLast(images, 2, shape.get(2))) {
            return repeatLast(tall, 3, shape.get(3));
        }
    }

    private static NDArray repeatLast(NDArray images, int axis, long size) {
        long missing = size - images.getShape().get(axis);
        if (missing == 0) {
            return images.duplicate();
        }
        NDIndex last = new NDIndex(axis == 2 ? ":, :, -1:" : ":, :, :, -1:");
        try (NDArray edge = images.get(last);
                NDArray more = edge.repeat(axis, missing)) {
            return images.concat(more, axis);
        }
    }

    @Override
    protected void saveMetadata(DataOutputStream os) throws IOException {
        saveInputShapes(os);
        os.writeUTF(architecture());
        ClampFormat.write(os, this);
        LatentScaleFormat.write(os, latentScale);
    }

    @Override
    public void loadMetadata(byte loadVersion, DataInputStream is)
            throws IOException, MalformedModelException {
        if (loadVersion < UNSCALED || loadVersion > version) {
            throw new MalformedModelException(
                    "Cannot load AutoencoderKL: version must be in ["
                            + UNSCALED
                            + ", "
                            + version
                            + "], got "
                            + loadVersion);
        }
        readInputShapes(is);
        String saved = architectureIn(is);
        if (!saved.equals(architecture())) {
            throw new MalformedModelException(
                    "Cannot load AutoencoderKL: the file has "
                            + saved
                            + " and the model "
                            + architecture());
        }
        ClampFormat.require(this, is, loadVersion > UNCLAMPED);
        if (loadVersion != UNSCALED) {
            latentScale = LatentScaleFormat.read(is, config.latentChannels(), latentScale);
        }
    }

    private static String architectureIn(DataInputStream is)
            throws IOException, MalformedModelException {
        try {
            return is.readUTF();
        } catch (UTFDataFormatException e) {
            throw new MalformedModelException(
                    "Cannot load AutoencoderKL: the file has another block, such as a"
                            + " WithLastLayer of an earlier version",
                    e);
        }
    }

    /** What the weights depend on: the treatment of odd sizes may change from run to run. */
    private String architecture() {
        String all = config.withOddSizes(OddSizes.REJECT).toString();
        return all.substring(0, all.lastIndexOf(", logVarClamp=")) + "]";
    }
}
