// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import dev.penumbra.torch.ForeachOps;
import dev.penumbra.torch.TensorList;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The arithmetic in one native call per group of parameters with the same rule, type and device.
 */
final class NativeAverager implements Averager {

    private record Key(
            TrackedParameter.Rule rule,
            DataType onlineType,
            Device onlineDevice,
            DataType averageType,
            Device averageDevice) {

        static Key of(TrackedParameter parameter, TrackedParameter.Rule rule) {
            NDArray online = parameter.parameter().getArray();
            return new Key(
                    rule,
                    online.getDataType(),
                    online.getDevice(),
                    parameter.average().getDataType(),
                    parameter.average().getDevice());
        }
    }

    private final List<NativeGroup> groups = new ArrayList<>();
    private final List<TrackedParameter> weights = new ArrayList<>();

    NativeAverager(List<TrackedParameter> parameters, EmaConfig.Buffers buffers) {
        Map<Key, List<TrackedParameter>> byKey = new LinkedHashMap<>();
        for (TrackedParameter parameter : parameters) {
            TrackedParameter.Rule rule = parameter.rule(buffers);
            byKey.computeIfAbsent(Key.of(parameter, rule), key -> new ArrayList<>()).add(parameter);
            if (rule == TrackedParameter.Rule.AVERAGE && parameter.parameter().requiresGradient()) {
                weights.add(parameter);
            }
        }
        byKey.forEach((key, members) -> groups.add(new NativeGroup(key.rule(), members)));
    }

    @Override
    public void update(double weight) {
        for (NativeGroup group : groups) {
            group.update(weight);
        }
    }

    @Override
    public void copyOnline() {
        groups.forEach(NativeGroup::copyOnline);
    }

    @Override
    public void swapIn() {
        groups.forEach(NativeGroup::swapIn);
    }

    @Override
    public void swapOut() {
        groups.forEach(NativeGroup::swapOut);
    }

    @Override
    public double distance() {
        double squares = 0;
        Map<Key, List<TrackedParameter>> byKey = new LinkedHashMap<>();
        for (TrackedParameter parameter : weights) {
            Key key = Key.of(parameter, TrackedParameter.Rule.AVERAGE);
            byKey.computeIfAbsent(key, k -> new ArrayList<>()).add(parameter);
        }
        for (List<TrackedParameter> members : byKey.values()) {
            double distance = distance(members);
            squares += distance * distance;
        }
        return Math.sqrt(squares);
    }

    private static double distance(List<TrackedParameter> members) {
        List<NDArray> converted = new ArrayList<>();
        List<NDArray> online = new ArrayList<>();
        for (TrackedParameter member : members) {
            NDArray array = member.parameter().getArray();
            if (!member.matchesOnline()) {
                array =
                        array.toType(member.average().getDataType(), true)
                                .toDevice(member.average().getDevice(), false);
                converted.add(array);
            }
            online.add(array);
        }
        List<NDArray> averages = members.stream().map(TrackedParameter::average).toList();
        try (TensorList first = TensorList.of(averages);
                TensorList second = TensorList.of(online)) {
            return ForeachOps.distance(first, second);
        } finally {
            converted.forEach(NDArray::close);
        }
    }

    @Override
    public void close() {
        groups.forEach(NativeGroup::close);
    }
}
