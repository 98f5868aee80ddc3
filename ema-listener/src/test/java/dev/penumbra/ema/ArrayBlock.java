// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

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

/** A block of given arrays. Its output is its input. */
public final class ArrayBlock extends AbstractBlock {

    private ArrayBlock() {
        super((byte) 1);
    }

    /** A model of an empty block; the caller closes it. */
    public static Model model() {
        Model model = Model.newInstance("arrays", "PyTorch");
        model.setBlock(new ArrayBlock());
        return model;
    }

    /** Adds a weight that is trained. */
    public static Parameter weight(Model model, String name, float... values) {
        NDArray array = model.getNDManager().create(values).duplicate();
        return add(model, name, Parameter.Type.WEIGHT, array, true);
    }

    public static Parameter add(
            Model model, String name, Parameter.Type type, NDArray array, boolean trained) {
        Parameter parameter =
                ((ArrayBlock) model.getBlock())
                        .addParameter(
                                Parameter.builder()
                                        .setName(name)
                                        .setType(type)
                                        .optRequiresGrad(trained)
                                        .build());
        parameter.setArray(array);
        if (trained) {
            parameter.freeze(false);
        }
        return parameter;
    }

    /** Changes the online values in place, as an optimizer does. */
    public static void set(Parameter parameter, NDArray values) {
        try (TensorList target = TensorList.of(List.of(parameter.getArray()));
                TensorList source = TensorList.of(List.of(values))) {
            ForeachOps.copy(target, source);
        }
    }

    public static void set(Parameter parameter, float... values) {
        try (NDArray array =
                parameter.getArray().getManager().create(values, parameter.getArray().getShape())) {
            set(parameter, array);
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
