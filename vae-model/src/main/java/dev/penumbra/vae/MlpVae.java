// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import dev.penumbra.internal.operator.FiniteCheck;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/**
 * A variational autoencoder of linear layers.
 *
 * <p>As a block it does what {@link AutoencoderKL} does: it maps samples to their reconstructions
 * and the moments of their latents, the log-variances within the limits of the configuration. In
 * training the latent is drawn, otherwise it is the mode; noise as a second input decides the draw
 * in either case. A reconstruction has no activation: for binary data it is logits.
 *
 * <p>Weights have PyTorch's default distribution.
 *
 * @see <a href="https://arxiv.org/abs/1312.6114">Kingma and Welling (2014), Auto-Encoding
 *     Variational Bayes</a>, section 3 and appendix C
 */
public final class MlpVae extends AbstractBlock implements VariationalBlock {

    private static final byte VERSION = 2;

    /** That of files without a clamp, which was latent diffusion's. */
    private static final byte UNCLAMPED = 1;

    private final MlpVaeConfig config;
    private final Mlp encoder;
    private final Mlp decoder;

    /**
     * Makes the block.
     *
     * @param config the architecture
     */
    public MlpVae(MlpVaeConfig config) {
        super(VERSION);
        this.config = Objects.requireNonNull(config, "config");
        List<Long> features = new ArrayList<>();
        features.add(config.sampleFeatures());
        config.hidden().forEach(hidden -> features.add((long) hidden));
        encoder = addChildBlock("encoder", mlp(features, 2L * config.latentFeatures()));
        features.add((long) config.latentFeatures());
        Collections.reverse(features);
        decoder = addChildBlock("decoder", new Mlp(features, config.activation()));
    }

    private Mlp mlp(List<Long> features, long last) {
        List<Long> all = new ArrayList<>(features);
        all.add(last);
        return new Mlp(all, config.activation());
    }

    /**
     * Returns the architecture.
     *
     * @return the architecture
     */
    public MlpVaeConfig config() {
        return config;
    }

    @Override
    public LogVarClamp logVarClamp() {
        return config.logVarClamp();
    }

    /**
     * The moments of the latents of samples, as the encoder says them: without the clamp.
     *
     * @param store where the weights come from
     * @param samples the samples; (N, ...), as the configuration says
     * @param training whether the weights are asked for with gradients
     * @return the means and log-variances; (N, 2Z)
     */
    public NDArray moments(ParameterStore store, NDArray samples, boolean training) {
        long count = requireSamples(samples.getShape());
        FiniteCheck.requireFinite("samples", samples);
        try (NDArray flat = samples.reshape(count, config.sampleFeatures())) {
            return encoder.apply(new Pass(store, training), flat);
        }
    }

    /**
     * The posterior of the latents of samples, with the configuration's limits of the log-variance.
     *
     * @param store where the weights come from
     * @param samples the samples; (N, ...), as the configuration says
     * @param training whether the weights are asked for with gradients
     * @return the posterior; (N, Z)
     */
    public DiagonalGaussian encode(ParameterStore store, NDArray samples, boolean training) {
        return DiagonalGaussian.ofMoments(moments(store, samples, training), logVarClamp());
    }

    /**
     * The samples of latents.
     *
     * @param store where the weights come from
     * @param latents the latents; (N, Z)
     * @param training whether the weights are asked for with gradients
     * @return the samples; (N, ...), as the configuration says
     */
    public NDArray decode(ParameterStore store, NDArray latents, boolean training) {
        Shape shape = latents.getShape();
        if (shape.dimension() != 2 || shape.get(1) != config.latentFeatures()) {
            throw new IllegalArgumentException(
                    "latents must have shape (N, " + config.latentFeatures() + "), got " + shape);
        }
        try (NDArray flat = decoder.apply(new Pass(store, training), latents)) {
            return flat.reshape(samples(shape.get(0)));
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray moments = moments(store, inputs.get(0), training);
        NDArray noise = inputs.size() > 1 ? inputs.get(1) : null;
        DiagonalGaussian posterior = DiagonalGaussian.ofMoments(moments, logVarClamp());
        NDArray latents = LatentDraw.of(posterior, noise, training);
        NDArray read = latents.toType(moments.getDataType(), false);
        return new NDList(decode(store, read, training), posterior.moments());
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        long count = requireSamples(inputShapes[0]);
        return new Shape[] {samples(count), new Shape(count, 2L * config.latentFeatures())};
    }

    @Override
    public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {
        FloatingType.require(dataType);
        super.initialize(manager, dataType, inputShapes);
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        long count = requireSamples(inputShapes[0]);
        encoder.initialize(manager, dataType, new Shape(count, config.sampleFeatures()));
        decoder.initialize(manager, dataType, new Shape(count, config.latentFeatures()));
    }

    /** The shape of a number of samples. */
    private Shape samples(long count) {
        List<Long> axes = new ArrayList<>(config.sampleShape());
        axes.add(0, count);
        return new Shape(axes);
    }

    private long requireSamples(Shape shape) {
        if (shape.dimension() < 1 || !shape.equals(samples(shape.get(0)))) {
            String axes = samples(0).toString().substring("(0".length());
            throw new IllegalArgumentException(
                    "samples must have shape (N" + axes + ", got " + shape);
        }
        return shape.get(0);
    }

    @Override
    protected void saveMetadata(DataOutputStream os) throws IOException {
        saveInputShapes(os);
        os.writeUTF(architecture());
        ClampFormat.write(os, this);
    }

    @Override
    public void loadMetadata(byte loadVersion, DataInputStream is)
            throws IOException, MalformedModelException {
        if (loadVersion < UNCLAMPED || loadVersion > version) {
            throw new MalformedModelException(
                    "Cannot load MlpVae: version must be in ["
                            + UNCLAMPED
                            + ", "
                            + version
                            + "], got "
                            + loadVersion);
        }
        readInputShapes(is);
        String saved = is.readUTF();
        if (!saved.equals(architecture())) {
            throw new MalformedModelException(
                    "Cannot load MlpVae: the file has "
                            + saved
                            + " and the model "
                            + architecture());
        }
        ClampFormat.require(this, is, loadVersion > UNCLAMPED);
    }

    private String architecture() {
        String all = config.toString();
        return all.substring(0, all.lastIndexOf(", logVarClamp=")) + "]";
    }
}
