// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.DiagonalGaussian;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * An autoencoder with the input of its last layer as a further output, for an {@link
 * AdversarialTraining}.
 *
 * <p>Outputs are the reconstruction; (N, C, H, W), the moments of the latents; (N, 2Z, h, w) and
 * the input of the decoder's last convolution; (N, K, H, W), where sizes are those of the padded
 * image. The weights are the autoencoder's, and a saved model is one of the autoencoder.
 */
public final class WithLastLayer extends AbstractBlock {

    private static final byte VERSION = 1;

    private final AutoencoderKL autoencoder;
    private final List<Block> layers = new ArrayList<>();

    /**
     * Wraps an autoencoder.
     *
     * @param autoencoder the autoencoder
     */
    public WithLastLayer(AutoencoderKL autoencoder) {
        super(VERSION);
        this.autoencoder =
                addChildBlock("autoencoder", Objects.requireNonNull(autoencoder, "autoencoder"));
        for (Pair<String, Block> child : autoencoder.getChildren()) {
            if (child.getKey().endsWith("post_quant_conv")) {
                layers.add(0, child.getValue());
            } else if (child.getKey().endsWith("decoder")) {
                layers.addAll(child.getValue().getChildren().values());
            }
        }
    }

    /**
     * Returns the autoencoder.
     *
     * @return the autoencoder
     */
    public AutoencoderKL autoencoder() {
        return autoencoder;
    }

    /** The weight of the decoder's last convolution; (C, K, 3, 3). */
    Parameter lastWeight() {
        return layers.get(layers.size() - 1).getParameters().get("weight");
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        Shape images = inputs.get(0).getShape();
        NDArray moments = autoencoder.moments(store, inputs.get(0), training);
        DiagonalGaussian posterior = DiagonalGaussian.ofMoments(moments, autoencoder.logVarClamp());
        // The mode is the posterior's own array, which decoding closes.
        NDArray limited = posterior.moments();
        NDArray latents;
        if (inputs.size() > 1) {
            latents = posterior.sample(inputs.get(1));
        } else {
            latents = training ? posterior.sample() : posterior.mode();
        }
        NDArray hidden = latents.toType(moments.getDataType(), false);
        for (Block layer : layers.subList(0, layers.size() - 1)) {
            NDArray next = layer.forward(store, new NDList(hidden), training).singletonOrThrow();
            hidden.close();
            hidden = next;
        }
        Block last = layers.get(layers.size() - 1);
        NDArray decoded = last.forward(store, new NDList(hidden), training).singletonOrThrow();
        return new NDList(cut(decoded, images), limited, hidden);
    }

    /** The array without the rows and columns that an image of an odd size was padded with. */
    static NDArray cut(NDArray array, Shape images) {
        Shape shape = array.getShape();
        if (shape.get(2) == images.get(2) && shape.get(3) == images.get(3)) {
            return array;
        }
        try (array) {
            return array.get(new NDIndex(":, :, :{}, :{}", images.get(2), images.get(3)));
        }
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape[] shapes = Arrays.copyOf(autoencoder.getOutputShapes(inputShapes), 3);
        Shape image = shapes[0];
        long width = autoencoder.config().blockOutChannels().get(0);
        long scale = autoencoder.config().scale();
        Shape latents = shapes[1];
        shapes[2] = new Shape(image.get(0), width, latents.get(2) * scale, latents.get(3) * scale);
        return shapes;
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        autoencoder.initialize(manager, dataType, inputShapes);
    }

    /* A file holds the autoencoder alone, so that it is one of either block. */

    @Override
    public void saveParameters(DataOutputStream os) throws IOException {
        autoencoder.saveParameters(os);
    }

    @Override
    public void loadParameters(NDManager manager, DataInputStream is)
            throws IOException, MalformedModelException {
        autoencoder.loadParameters(manager, is);
        if (inputShapes == null) {
            inputShapes = autoencoder.getInputShapes();
        }
    }
}
