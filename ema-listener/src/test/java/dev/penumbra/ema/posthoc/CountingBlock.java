// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.AbstractBlock;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.PairList;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A block with a weight and a count of whole numbers. */
final class CountingBlock extends AbstractBlock {

    private CountingBlock(Model model) {
        super((byte) 1);
        add("weight", Parameter.Type.WEIGHT, model.getNDManager().create(new float[] {1}));
        add("count", Parameter.Type.OTHER, model.getNDManager().create(new long[] {0}));
    }

    private void add(String name, Parameter.Type type, NDArray array) {
        Parameter parameter =
                addParameter(
                        Parameter.builder()
                                .setName(name)
                                .setType(type)
                                .optRequiresGrad(type == Parameter.Type.WEIGHT)
                                .build());
        parameter.setArray(array.duplicate());
    }

    static Model model() {
        Model model = Model.newInstance("counting", "PyTorch");
        model.setBlock(new CountingBlock(model));
        return model;
    }

    /** Changes the count in place. */
    static void set(Model model, long value) {
        NDArray count = model.getBlock().getParameters().get("count").getArray();
        try (NDArray array = model.getNDManager().create(new long[] {value});
                TensorList target = TensorList.of(List.of(count));
                TensorList source = TensorList.of(List.of(array))) {
            ForeachOps.copy(target, source);
        }
    }

    @Override
    protected NDList forwardInternal(
            ParameterStore store,
            NDList inputs,
            boolean training,
            @Nullable PairList<String, Object> params) {
        return inputs;
    }

    @Override
    public Shape[] getOutputShapes(Shape[] inputShapes) {
        return inputShapes;
    }
}
