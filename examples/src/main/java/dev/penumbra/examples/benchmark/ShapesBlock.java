// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.training.initializer.UniformInitializer;
import ai.djl.util.PairList;
import com.google.gson.JsonArray;
import org.jspecify.annotations.Nullable;

/** The parameters of a known model without its computation. */
final class ShapesBlock extends AbstractBlock {

    /**
     * Creates the parameters.
     *
     * @param shapes for each its name, its shape and {@code parameter} or {@code buffer}
     */
    @SuppressWarnings("this-escape")
    ShapesBlock(JsonArray shapes) {
        for (int i = 0; i < shapes.size(); i++) {
            JsonArray entry = shapes.get(i).getAsJsonArray();
            long[] shape =
                    entry.get(1).getAsJsonArray().asList().stream()
                            .mapToLong(size -> size.getAsLong())
                            .toArray();
            boolean buffer = "buffer".equals(entry.get(2).getAsString());
            addParameter(
                    Parameter.builder()
                            .setName("p%04d".formatted(i))
                            .setType(buffer ? Parameter.Type.RUNNING_MEAN : Parameter.Type.WEIGHT)
                            .optRequiresGrad(!buffer)
                            .optShape(new Shape(shape))
                            .optInitializer(new UniformInitializer(0.1f))
                            .build());
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore parameterStore,
            NDList inputs,
            boolean training,
            @Nullable PairList<String, Object> params) {
        throw new UnsupportedOperationException("ShapesBlock has parameters only");
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return inputShapes;
    }
}
