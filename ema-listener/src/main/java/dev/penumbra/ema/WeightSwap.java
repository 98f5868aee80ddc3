// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import dev.penumbra.ema.ModelWeights.Entry;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * An exchange of a model's own values for others, in place.
 *
 * <p>Values of the same type on the same device change places; where they differ, the model's are
 * kept in a copy. Everything is allocated before the first value moves.
 */
final class WeightSwap implements AutoCloseable {

    private final List<NDArray> own = new ArrayList<>();
    private final List<NDArray> others = new ArrayList<>();
    private final List<NDArray> convertedOwn = new ArrayList<>();
    private final List<NDArray> convertedOthers = new ArrayList<>();
    private final NDList kept = new NDList();

    private WeightSwap(List<Entry> entries) {
        for (Entry entry : entries) {
            NDArray online = entry.parameter().getArray();
            if (isAlike(online, entry.array())) {
                own.add(online);
                others.add(entry.array());
            } else {
                convertedOwn.add(online);
                convertedOthers.add(entry.array());
                NDArray copy = online.zerosLike();
                copy.attach(entry.array().getManager());
                kept.add(copy);
            }
        }
    }

    private static boolean isAlike(NDArray first, NDArray second) {
        return first.getDataType() == second.getDataType()
                && first.getDevice().equals(second.getDevice());
    }

    static WeightSwap of(List<Entry> entries) {
        WeightSwap swap = new WeightSwap(entries);
        swap.exchange();
        copy(swap.kept, swap.convertedOwn);
        copy(swap.convertedOwn, swap.convertedOthers);
        return swap;
    }

    /** Puts values into the model's arrays for good. */
    static void copyToModel(List<Entry> entries) {
        copy(
                entries.stream().map(entry -> entry.parameter().getArray()).toList(),
                entries.stream().map(Entry::array).toList());
    }

    static void copy(List<NDArray> targets, List<NDArray> sources) {
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
        Collections.reverse(own);
        Collections.reverse(others);
        exchange();
        copy(convertedOwn, kept);
        kept.close();
    }
}
