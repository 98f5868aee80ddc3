// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.internal.script.NamedParameters;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The state of an optimizer: its arrays and the number of updates of each parameter.
 *
 * <p>Optimizers know parameters by identifiers that differ from one process to the next; here they
 * have the names that the block gives them. The learning rate needs no state of its own: DJL's
 * trackers are functions of the number of updates.
 *
 * <p>{@link FusedAdamW} and DJL's Sgd, Adam and AdamW can be saved, which are those that DJL's
 * PyTorch engine can run. Settings such as the learning rate are no state and belong to the
 * program. One device only.
 */
public final class OptimizerState implements Stateful {

    private static final String TYPE = "optimizer";
    private static final String NUMBER = "updates";
    private static final String COUNT = "[0-9]{1,9}";

    private final Optimizer optimizer;
    private final Block block;
    private final OptimizerAccess access;

    private OptimizerState(Optimizer optimizer, Block block, OptimizerAccess access) {
        this.optimizer = optimizer;
        this.block = block;
        this.access = access;
    }

    /**
     * Returns the state of an optimizer.
     *
     * @param optimizer the optimizer
     * @param block the block whose parameters it trains
     * @return the state
     * @throws IllegalArgumentException if it is an optimizer of an unknown kind
     */
    public static OptimizerState of(Optimizer optimizer, Block block) {
        OptimizerAccess access =
                optimizer instanceof FusedAdamW fused
                        ? new FusedAdamWAccess(fused)
                        : DjlOptimizerAccess.of(optimizer);
        return new OptimizerState(optimizer, block, access);
    }

    @Override
    public State state() {
        Map<String, NDArray> arrays = new LinkedHashMap<>();
        Map<String, String> values = new LinkedHashMap<>();
        values.put(TYPE, optimizer.getClass().getSimpleName());
        values.put(NUMBER, Integer.toString(access.numUpdate()));
        parameters()
                .forEach(
                        (name, parameter) -> {
                            Integer updates = access.updates(parameter.getId());
                            if (updates != null) {
                                values.put(NUMBER + "/" + name, updates.toString());
                            }
                            access.arrays(parameter.getId())
                                    .forEach((kind, a) -> arrays.put(kind + "/" + name, a));
                        });
        return new State(arrays, values);
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved);
        check.value(TYPE, optimizer.getClass().getSimpleName());
        check.text(NUMBER, COUNT, "a number of updates");
        Map<String, Parameter> parameters = parameters();
        for (String key : saved.values().keySet()) {
            if (key.startsWith(NUMBER + "/") && parameters.containsKey(nameIn(key))) {
                check.text(key, COUNT, "a number of updates");
            }
        }
        for (String key : saved.tensors().keySet()) {
            Parameter parameter = parameters.get(nameIn(key));
            String kind = key.substring(0, Math.max(0, key.indexOf('/')));
            if (parameter == null || !access.kinds().contains(kind)) {
                continue;
            }
            check.array(key, parameter.getArray());
            if (!saved.values().containsKey(NUMBER + "/" + nameIn(key))) {
                check.add("updates of '" + nameIn(key) + "' must be saved with its arrays");
            }
        }
        for (String name : parameters.keySet()) {
            requireAllKinds(saved, name, check);
        }
        return check.end();
    }

    /** A parameter that has been updated has all arrays or, without momentum, none. */
    private void requireAllKinds(SavedState saved, String name, StateCheck check) {
        boolean updated = saved.values().containsKey(NUMBER + "/" + name);
        for (String kind : access.kinds()) {
            if (updated && !saved.tensors().containsKey(kind + "/" + name)) {
                check.add("array '" + kind + "/" + name + "' must be present, got none");
            }
        }
    }

    private static String nameIn(String key) {
        return key.substring(key.indexOf('/') + 1);
    }

    @Override
    public void restore(SavedState saved) throws IOException {
        access.setNumUpdate(Integer.parseInt(value(saved, NUMBER)));
        for (Map.Entry<String, Parameter> entry : parameters().entrySet()) {
            Parameter parameter = entry.getValue();
            String key = NUMBER + "/" + entry.getKey();
            if (!saved.values().containsKey(key)) {
                access.forget(parameter.getId());
                continue;
            }
            int updates = Integer.parseInt(value(saved, key));
            Map<String, NDArray> arrays =
                    access.begin(parameter.getId(), parameter.getArray(), updates);
            for (Map.Entry<String, NDArray> array : arrays.entrySet()) {
                saved.readInto(array.getKey() + "/" + entry.getKey(), array.getValue());
            }
        }
    }

    private static String value(SavedState saved, String name) {
        return Objects.requireNonNull(saved.values().get(name), name);
    }

    private Map<String, Parameter> parameters() {
        return NamedParameters.of(block);
    }
}
