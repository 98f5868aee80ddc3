// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** Parameters of one type and device whose averages are copies of the online values. */
final class CopiedGroup {

    private final boolean onlyIfChanged;
    private final TensorList online;
    private final List<TensorList> averages = new ArrayList<>();
    private final long[] versions;

    CopiedGroup(
            NDManager manager,
            boolean onlyIfChanged,
            List<NDArray> onlineArrays,
            List<List<NDArray>> averages) {
        this.onlyIfChanged = onlyIfChanged;
        online = TensorList.of(onlineArrays).attach(manager);
        averages.forEach(arrays -> this.averages.add(TensorList.of(arrays).attach(manager)));
        versions = new long[averages.size()];
        Arrays.fill(versions, -1);
    }

    void update(BitSet active) {
        long version = onlyIfChanged ? ForeachOps.versionSum(online) : 0;
        for (int i = active.nextSetBit(0); i >= 0; i = active.nextSetBit(i + 1)) {
            if (!onlyIfChanged || version != versions[i]) {
                ForeachOps.copy(averages.get(i), online);
                versions[i] = version;
            }
        }
    }
}
