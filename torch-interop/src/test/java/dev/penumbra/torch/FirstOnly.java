// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Block;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import org.jspecify.annotations.Nullable;

/** A block whose second child takes no part, so that its parameters never get a gradient. */
final class FirstOnly extends AbstractBlock {

    private final Block first;
    private final Block second;

    FirstOnly(Block first, Block second) {
        super((byte) 1);
        this.first = addChildBlock("first", first);
        this.second = addChildBlock("second", second);
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            @Nullable PairList<String, Object> params) {
        return first.forward(store, inputs, training);
    }

    @Override
    protected void initializeChildBlocks(NDManager manager, DataType dataType, Shape... shapes) {
        first.initialize(manager, dataType, shapes);
        second.initialize(manager, dataType, shapes);
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return first.getOutputShapes(inputShapes);
    }
}
