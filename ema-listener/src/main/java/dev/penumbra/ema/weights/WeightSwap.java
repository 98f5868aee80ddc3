// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.internal.ModelGate;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * An exchange of a model's own values for others, in place.
 *
 * <p>Trained values of the same type on the same device change places. Where types or devices
 * differ, and for buffers, which a forward pass may change, the model's are kept in a copy and the
 * others are copied. Everything is allocated before the first value moves.
 */
public final class WeightSwap implements AutoCloseable {

    private final List<NDArray> own = new ArrayList<>();
    private final List<NDArray> others = new ArrayList<>();
    private final List<NDArray> copiedOwn = new ArrayList<>();
    private final List<NDArray> copiedOthers = new ArrayList<>();
    private final NDList kept = new NDList();
    private final ModelGate.Exchange exchange;

    private WeightSwap(ModelGate.Exchange exchange, NDManager manager, List<Entry> entries) {
        this.exchange = exchange;
        for (Entry entry : entries) {
            NDArray online = entry.parameter().getArray();
            if (entry.parameter().requiresGradient() && isAlike(online, entry.array())) {
                own.add(online);
                others.add(entry.array());
            } else {
                copiedOwn.add(online);
                copiedOthers.add(entry.array());
                NDArray copy = online.zerosLike();
                copy.attach(manager);
                kept.add(copy);
            }
        }
    }

    private static boolean isAlike(NDArray first, NDArray second) {
        return first.getDataType() == second.getDataType()
                && first.getDevice().equals(second.getDevice());
    }

    /**
     * Exchanges the values.
     *
     * @param exchange ends with the swap
     * @param manager the manager of the copies
     */
    static WeightSwap of(ModelGate.Exchange exchange, NDManager manager, List<Entry> entries) {
        WeightSwap swap = new WeightSwap(exchange, manager, entries);
        copy(swap.kept, swap.copiedOwn);
        copy(swap.copiedOwn, swap.copiedOthers);
        swap.exchange();
        return swap;
    }

    /** Puts values into the model's arrays for good. */
    static void copyToModel(List<Entry> entries) {
        copy(
                entries.stream().map(entry -> entry.parameter().getArray()).toList(),
                entries.stream().map(Entry::array).toList());
    }

    /**
     * Copies values.
     *
     * @param targets the arrays that get the values
     * @param sources the values, with the same shapes
     */
    public static void copy(List<NDArray> targets, List<NDArray> sources) {
        if (!targets.isEmpty()) {
            try (TensorList target = TensorList.of(targets);
                    TensorList source = TensorList.of(sources)) {
                ForeachOps.copy(target, source);
            }
        }
    }

    private void exchange() {
        if (!own.isEmpty()) {
            try (TensorList first = TensorList.of(own);
                    TensorList second = TensorList.of(others)) {
                ForeachOps.swap(first, second);
            }
        }
    }

    /** Puts the model's own values back, in reverse, as parameters may share an array. */
    @Override
    public void close() {
        try {
            Collections.reverse(own);
            Collections.reverse(others);
            exchange();
            copy(copiedOwn, kept);
            kept.close();
        } finally {
            exchange.close();
        }
    }
}
