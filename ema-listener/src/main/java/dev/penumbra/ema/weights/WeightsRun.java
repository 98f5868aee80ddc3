// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.internal.GradientRecording;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.internal.script.ScriptBlocks;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * Forward passes of a model with other weights than its own.
 *
 * <p>A block asks the parameter store for its weights, and the store answers with the others. What
 * a pass has not asked for is either not used or read behind the store's back. Where such a
 * parameter differs from the model's own, the pass is made again with it put into the model for
 * that time, which is right in both cases; it is remembered, so that later passes need one try.
 */
final class WeightsRun {

    private final Model model;
    private final Set<Parameter> unasked = Collections.newSetFromMap(new IdentityHashMap<>());

    WeightsRun(Model model) {
        this.model = model;
    }

    /** Runs the model; the outputs belong to the scope or to the inputs' manager. */
    @SuppressWarnings("try") // what is borrowed only has to be given back
    NDList run(NDManager scope, List<Entry> values, NDList inputs, boolean training) {
        while (true) {
            List<Entry> borrowed = select(values, unasked);
            WeightsStore store = new WeightsStore(scope, values);
            NDList outputs;
            try (BorrowedParameters lent = BorrowedParameters.of(model, scope, borrowed);
                    ScriptBlocks.Scope scripts = scripts(store, training)) {
                outputs = model.getBlock().forward(store, inputs, training);
            }
            Set<Parameter> missed = store.unasked();
            missed.removeAll(unasked);
            missed.removeIf(parameter -> equalsOwn(values, parameter));
            if (missed.isEmpty()) {
                return training ? outputs : recordable(outputs);
            }
            unasked.addAll(missed);
        }
    }

    /** DJL runs TorchScript in inference mode, and what comes out of it cannot be recorded. */
    private NDList recordable(NDList outputs) {
        if (!GradientRecording.isOn() || ScriptBlocks.in(model.getBlock()).isEmpty()) {
            return outputs;
        }
        NDList copies = new NDList();
        outputs.forEach(output -> copies.add(output.duplicate()));
        return copies;
    }

    /** TorchScript blocks ask no store: they are given the other values as their tensors. */
    private ScriptBlocks.Scope scripts(WeightsStore store, boolean training) {
        return ScriptBlocks.use(
                model.getBlock(),
                parameter -> store.getValue(parameter, parameter.getArray().getDevice(), training));
    }

    private static List<Entry> select(List<Entry> values, Set<Parameter> chosen) {
        return chosen.isEmpty()
                ? List.of()
                : values.stream().filter(value -> chosen.contains(value.parameter())).toList();
    }

    private static boolean equalsOwn(List<Entry> values, Parameter parameter) {
        for (Entry value : values) {
            if (value.parameter() == parameter) {
                return areEqual(value.array(), parameter.getArray());
            }
        }
        return true;
    }

    private static boolean areEqual(NDArray first, NDArray second) {
        if (!first.getDataType().isFloating() || !second.getDataType().isFloating()) {
            return first.contentEquals(second);
        }
        try (TensorList one = TensorList.of(List.of(first));
                TensorList other = TensorList.of(List.of(second))) {
            return ForeachOps.distance(one, other) == 0;
        }
    }
}
