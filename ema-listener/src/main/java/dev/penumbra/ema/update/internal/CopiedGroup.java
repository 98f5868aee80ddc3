// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Parameters of one type and device whose averages are copies of the online values. */
final class CopiedGroup {

    private final boolean onlyIfChanged;
    private final TensorList online;
    private final List<TensorList> averages = new ArrayList<>();
    private final BitSet current = new BitSet();

    CopiedGroup(
            NDManager manager,
            boolean onlyIfChanged,
            List<NDArray> onlineArrays,
            List<List<NDArray>> averages) {
        this.onlyIfChanged = onlyIfChanged;
        online = TensorList.of(onlineArrays).attach(manager);
        averages.forEach(arrays -> this.averages.add(TensorList.of(arrays).attach(manager)));
    }

    /** Checks that nothing is closed. */
    void requireOpen() {
        online.requireOpen();
        averages.forEach(TensorList::requireOpen);
    }

    void update(BitSet active) {
        if (!onlyIfChanged || online.takeChanges()) {
            current.clear();
        }
        for (int i = active.nextSetBit(0); i >= 0; i = active.nextSetBit(i + 1)) {
            if (!current.get(i)) {
                ForeachOps.copy(averages.get(i), online);
                current.set(i);
            }
        }
    }
}
