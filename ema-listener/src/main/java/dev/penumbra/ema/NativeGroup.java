// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The arrays of parameters with the same rule, type and device.
 *
 * <p>Where the average lives in another type or on another device, a stage holds the online values
 * in the average's type and on its device: half precision fits into float32 without loss.
 */
final class NativeGroup implements AutoCloseable {

    private final TrackedParameter.Rule rule;
    private final TensorList average;
    private final TensorList online;
    private final NDList stageArrays = new NDList();
    private final @Nullable TensorList stage;
    private long copiedVersion = -1;

    NativeGroup(TrackedParameter.Rule rule, List<TrackedParameter> members) {
        this.rule = rule;
        List<NDArray> averages = members.stream().map(TrackedParameter::average).toList();
        NDManager manager = averages.get(0).getManager();
        average = TensorList.of(averages).attach(manager);
        online =
                TensorList.of(members.stream().map(m -> m.parameter().getArray()).toList())
                        .attach(manager);
        if (members.get(0).matchesOnline()) {
            stage = null;
        } else {
            averages.forEach(array -> stageArrays.add(array.zerosLike()));
            stage = TensorList.of(stageArrays).attach(manager);
        }
    }

    void update(double weight) {
        switch (rule) {
            case AVERAGE -> {
                if (stage == null) {
                    ForeachOps.lerp(average, online, weight);
                } else {
                    ForeachOps.copy(stage, online);
                    ForeachOps.lerp(average, stage, weight);
                }
            }
            case COPY -> copyOnline();
            case COPY_IF_CHANGED -> {
                long version = ForeachOps.versionSum(online);
                if (version != copiedVersion) {
                    copyOnline();
                    copiedVersion = version;
                }
            }
        }
    }

    void copyOnline() {
        ForeachOps.copy(average, online);
    }

    void swapIn() {
        if (stage == null) {
            ForeachOps.swap(average, online);
        } else {
            ForeachOps.copy(stage, online);
            ForeachOps.copy(online, average);
        }
    }

    void swapOut() {
        if (stage == null) {
            ForeachOps.swap(average, online);
        } else {
            ForeachOps.copy(online, stage);
        }
    }

    @Override
    public void close() {
        average.close();
        online.close();
        if (stage != null) {
            stage.close();
        }
        stageArrays.close();
    }
}
