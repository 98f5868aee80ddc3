// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import dev.penumbra.internal.script.ScriptBlocks;
import java.lang.reflect.Field;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * The time in which parameters present other arrays than their own to code that reads them, such as
 * a block that saves its parameters. No value moves. TorchScript blocks hold them as their tensors.
 *
 * <p>DJL has no setter for the array of an initialized parameter, so the field is set by
 * reflection.
 */
final class PresentedArrays implements AutoCloseable {

    private static final Field ARRAY = arrayField();

    private final IdentityHashMap<Parameter, NDArray> own = new IdentityHashMap<>();

    private final ScriptBlocks.Scope scripts;

    private PresentedArrays(ScriptBlocks.Scope scripts) {
        this.scripts = scripts;
    }

    private static Field arrayField() {
        try {
            Field field = Parameter.class.getDeclaredField("array");
            field.setAccessible(true);
            return field;
        } catch (NoSuchFieldException e) {
            throw new LinkageError("This version of DJL has no field Parameter.array", e);
        }
    }

    /**
     * Presents values, in the types and under the names of the parameters' own arrays.
     *
     * @param root the block of the parameters
     * @param scope the manager of what is converted
     */
    static PresentedArrays of(Block root, NDManager scope, List<ModelWeights.Entry> values) {
        IdentityHashMap<Parameter, NDArray> others = new IdentityHashMap<>();
        for (ModelWeights.Entry value : values) {
            NDArray online = value.parameter().getArray();
            NDArray view = value.array().stopGradient();
            view.attach(scope);
            if (view.getDataType() != online.getDataType()) {
                view = view.toType(online.getDataType(), false);
            }
            view.setName(online.getName());
            others.put(value.parameter(), view);
        }
        PresentedArrays presented = new PresentedArrays(ScriptBlocks.use(root, others::get));
        others.forEach(
                (parameter, view) -> {
                    presented.own.put(parameter, parameter.getArray());
                    set(parameter, view);
                });
        return presented;
    }

    private static void set(Parameter parameter, NDArray array) {
        try {
            ARRAY.set(parameter, array);
        } catch (IllegalAccessException e) {
            throw new LinkageError("Cannot write " + ARRAY, e);
        }
    }

    /** Lets every parameter present its own array again. */
    @Override
    public void close() {
        own.forEach(PresentedArrays::set);
        scripts.close();
    }
}
