// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import java.util.Arrays;
import java.util.Objects;

/**
 * A block with one learned number as a further output: the logarithm of the scale of its
 * reconstructions.
 *
 * <p>The number is a parameter of the block, so that the optimizer of the model trains it.
 */
public final class WithLogScale extends AbstractBlock {

    private static final byte VERSION = 1;
    private static final Shape ONE = new Shape(1);

    private final Block inner;
    private final Parameter logScale;

    /**
     * Adds the number.
     *
     * @param inner a block whose outputs are a reconstruction and the moments of its latents
     * @param initial the number's initial value, finite; 0 is a scale of 1
     */
    public WithLogScale(Block inner, double initial) {
        super(VERSION);
        if (!Double.isFinite(initial)) {
            throw new IllegalArgumentException("initial must be finite, got " + initial);
        }
        this.inner = addChildBlock("inner", Objects.requireNonNull(inner, "inner"));
        logScale =
                addParameter(
                        Parameter.builder()
                                .setName("log_scale")
                                .setType(Parameter.Type.OTHER)
                                .optShape(ONE)
                                .optInitializer(
                                        (manager, shape, type) ->
                                                manager.full(shape, (float) initial, type))
                                .build());
    }

    /**
     * Returns the block.
     *
     * @return the block
     */
    public Block inner() {
        return inner;
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            PairList<String, Object> params) {
        NDList outputs = inner.forward(store, inputs, training, params);
        NDArray reconstruction = outputs.get(0);
        NDArray number = store.getValue(logScale, reconstruction.getDevice(), training);
        // The outputs belong to whoever asked for them, the parameter to the model.
        NDArray view = number.reshape(ONE);
        view.attach(reconstruction.getManager());
        NDList all = new NDList(outputs);
        all.add(view);
        return all;
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        Shape[] inside = inner.getOutputShapes(inputShapes);
        Shape[] shapes = Arrays.copyOf(inside, inside.length + 1);
        shapes[inside.length] = ONE;
        return shapes;
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        inner.initialize(manager, dataType, inputShapes);
    }
}
