// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.MalformedModelException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.Initializer;
import ai.djl.util.Pair;
import ai.djl.util.PairList;
import java.io.DataInputStream;
import java.io.IOException;

/**
 * A block of one image in and one image out, whose weights have their shapes from the beginning.
 *
 * <p>Blocks call each other by {@link #apply}, because DJL's forward looks through all weights at
 * every level, and close what they no longer need: gradients keep what they need themselves.
 */
abstract class VaeBlock extends AbstractBlock {

    private static final byte VERSION = 1;

    VaeBlock() {
        super(VERSION);
    }

    /** The output of the block; the input stays the caller's. */
    abstract NDArray apply(Pass pass, NDArray x);

    /** The shape of the output, after checks of the input's. */
    abstract Shape outputShape(Shape input);

    /** As {@link #apply}, for an input that nobody needs any more. */
    final NDArray applyTo(Pass pass, NDArray x) {
        try (x) {
            return apply(pass, x);
        }
    }

    /** Adds a weight of a known shape. */
    final Parameter weight(String name, Parameter.Type type, Shape shape, Initializer initializer) {
        return addParameter(
                Parameter.builder()
                        .setName(name)
                        .setType(type)
                        .optShape(shape)
                        .optInitializer(initializer)
                        .build());
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDArray x = inputs.singletonOrThrow();
        outputShape(x.getShape());
        return new NDList(apply(new Pass(store, training), x));
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return new Shape[] {outputShape(inputShapes[0])};
    }

    @Override
    public void initialize(NDManager manager, DataType dataType, Shape... inputShapes) {
        FloatingType.require(dataType);
        super.initialize(manager, dataType, inputShapes);
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape shape = inputShapes[0];
        for (Pair<String, Block> child : getChildren()) {
            child.getValue().initialize(manager, dataType, shape);
            shape = child.getValue().getOutputShapes(new Shape[] {shape})[0];
        }
    }

    @Override
    public void loadParameters(NDManager manager, DataInputStream is)
            throws IOException, MalformedModelException {
        byte version = is.readByte();
        loadMetadata(version, is);
        for (Parameter parameter : getDirectParameters().values()) {
            Shape expected = parameter.getShape();
            parameter.load(manager, is);
            if (!parameter.getShape().equals(expected)) {
                throw new MalformedModelException(
                        "Cannot load "
                                + getClass().getSimpleName()
                                + ": parameter '"
                                + parameter.getName()
                                + "' is "
                                + parameter.getShape()
                                + " in the file and "
                                + expected
                                + " in the model");
            }
            own(manager, parameter);
        }
        for (Block child : getChildren().values()) {
            child.loadParameters(manager, is);
        }
    }

    /** Moves a loaded weight from memory of Java to the engine's, where it is aligned. */
    private static void own(NDManager manager, Parameter parameter) {
        if (!parameter.isInitialized()) {
            return;
        }
        NDArray copy = parameter.getArray().duplicate();
        DataType type = copy.getDataType();
        Initializer initializer = parameter.getInitializer();
        parameter.close();
        parameter.setInitializer((m, s, t) -> copy);
        parameter.initialize(manager, type);
        parameter.setInitializer(initializer);
    }

    /** Checks the number of axes and of channels. */
    static void requireImages(Shape shape, long channels) {
        if (shape.dimension() != 4 || shape.get(1) != channels) {
            throw new IllegalArgumentException(
                    "input must have shape (N, " + channels + ", H, W), got " + shape);
        }
    }
}
