// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.penumbra.torch.NeuralOps;

/**
 * Self-attention with one head over all places of an image, added to its input.
 *
 * <p>The memory grows with the number of places, not with its square.
 */
public final class AttentionBlock extends VaeBlock {

    private final long channels;
    private final GroupNorm norm;
    private final Projection query;
    private final Projection key;
    private final Projection value;
    private final Projection output;

    /**
     * Makes the block.
     *
     * @param channels the number of channels, a multiple of {@code groups}
     * @param groups the number of groups of the normalization, at least 1
     */
    public AttentionBlock(long channels, long groups) {
        this.channels = channels;
        norm = addChildBlock("group_norm", new GroupNorm(channels, groups, false));
        query = addChildBlock("to_q", new Projection(channels));
        key = addChildBlock("to_k", new Projection(channels));
        value = addChildBlock("to_v", new Projection(channels));
        output = addChildBlock("to_out.0", new Projection(channels));
    }

    @Override
    NDArray apply(Pass pass, NDArray x) {
        Shape shape = x.getShape();
        long tokens = shape.get(2) * shape.get(3);
        Shape heads = new Shape(shape.get(0), 1, tokens, channels);
        try (NDArray normal = norm.apply(pass, x);
                NDArray flat = normal.reshape(shape.get(0), channels, tokens);
                NDArray places = flat.swapAxes(1, 2); // (N, H * W, C)
                NDArray attended = attend(pass, places, heads);
                NDArray joined = attended.reshape(shape.get(0), tokens, channels);
                NDArray projected = output.apply(pass, joined);
                NDArray turned = projected.swapAxes(1, 2);
                NDArray image = turned.reshape(shape)) {
            // In this order the sum lies in memory as x does, and the next layers run on that.
            return x.add(image);
        }
    }

    private NDArray attend(Pass pass, NDArray places, Shape heads) {
        try (NDArray q = query.apply(pass, places);
                NDArray k = key.apply(pass, places);
                NDArray v = value.apply(pass, places);
                NDArray queries = q.reshape(heads);
                NDArray keys = k.reshape(heads);
                NDArray values = v.reshape(heads)) {
            return NeuralOps.attention(queries, keys, values);
        }
    }

    @Override
    Shape outputShape(Shape input) {
        return norm.outputShape(input);
    }

    @Override
    protected void initializeChildBlocks(
            NDManager manager, DataType dataType, Shape... inputShapes) {
        Shape input = inputShapes[0];
        norm.initialize(manager, dataType, input);
        Shape places = new Shape(input.get(0), input.get(2) * input.get(3), channels);
        for (Projection projection : new Projection[] {query, key, value, output}) {
            projection.initialize(manager, dataType, places);
        }
    }
}
