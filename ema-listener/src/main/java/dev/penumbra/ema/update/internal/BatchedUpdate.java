// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import ai.djl.util.NativeResource;
import dev.penumbra.ema.schedule.StepWeights;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.weights.WeightSwap;
import dev.penumbra.internal.operator.FiniteCheck;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The arithmetic of all averages over one fixed list of parameters, in native calls for groups of
 * parameters with the same rule, types and devices.
 */
public final class BatchedUpdate implements AutoCloseable {

    private record Key(
            TrackedParameter.Rule rule,
            DataType onlineType,
            Device onlineDevice,
            DataType averageType,
            Device averageDevice) {}

    /** Arrays of one device that must be finite, and the places of its parameters. */
    private record Guard(FiniteCheck check, List<Integer> indices) {}

    private final NDManager manager;
    private final List<TrackedParameter> parameters;
    private final UpdateSettings settings;
    private final List<AveragedSet> averages;
    private final NDArray[] onlineArrays;
    private final boolean[] trainable;
    private final List<AveragedGroup> averaged = new ArrayList<>();
    private final List<CopiedGroup> copied = new ArrayList<>();
    private final List<Guard> guards = new ArrayList<>();

    /**
     * Prepares the arithmetic.
     *
     * @param manager a manager of its own, which it closes
     */
    BatchedUpdate(
            NDManager manager,
            UpdateSettings settings,
            List<TrackedParameter> parameters,
            List<AveragedSet> averages) {
        this.manager = manager;
        this.settings = settings;
        this.parameters = parameters;
        this.averages = averages;
        onlineArrays = new NDArray[parameters.size()];
        trainable = new boolean[parameters.size()];
        Map<Key, List<Integer>> byKey = new LinkedHashMap<>();
        for (int i = 0; i < onlineArrays.length; i++) {
            onlineArrays[i] = parameters.get(i).online();
            trainable[i] = parameters.get(i).parameter().requiresGradient();
            byKey.computeIfAbsent(keyOf(i), key -> new ArrayList<>()).add(i);
        }
        byKey.forEach(this::addGroup);
        addGuards(byKey);
    }

    private Key keyOf(int index) {
        NDArray average = averages.get(0).arrays().get(index);
        return new Key(
                parameters.get(index).rule(settings.treatments()),
                onlineArrays[index].getDataType(),
                onlineArrays[index].getDevice(),
                average.getDataType(),
                average.getDevice());
    }

    private void addGroup(Key key, List<Integer> indices) {
        List<NDArray> online = select(List.of(onlineArrays), indices);
        List<List<NDArray>> targets = new ArrayList<>();
        List<List<NDArray>> carries = new ArrayList<>();
        for (AveragedSet average : averages) {
            targets.add(select(average.arrays(), indices));
            if (settings.arithmetic() == Arithmetic.COMPENSATED) {
                carries.add(select(average.carries(), indices));
            }
        }
        switch (key.rule()) {
            case AVERAGE -> {
                int[] members = indices.stream().mapToInt(Integer::intValue).toArray();
                AveragedGroup group =
                        new AveragedGroup(
                                manager.newSubManager(),
                                settings.arithmetic(),
                                members,
                                online,
                                targets,
                                carries);
                averaged.add(group);
            }
            case COPY, COPY_IF_CHANGED -> {
                boolean onlyIfChanged = key.rule() == TrackedParameter.Rule.COPY_IF_CHANGED;
                CopiedGroup group = new CopiedGroup(manager, onlyIfChanged, online, targets);
                copied.add(group);
                // What an average lacked is no part of a copy.
                carries.forEach(each -> each.forEach(BatchedUpdate::clear));
            }
            case KEEP -> {}
        }
    }

    private static void clear(NDArray carry) {
        try (NDArray zeros = carry.zerosLike()) {
            WeightSwap.copy(List.of(carry), List.of(zeros));
        }
    }

    private void addGuards(Map<Key, List<Integer>> byKey) {
        Map<Device, List<Integer>> byDevice = new LinkedHashMap<>();
        byKey.forEach(
                (key, indices) -> {
                    if (key.onlineType().isFloating()) {
                        List<Integer> moving =
                                indices.stream()
                                        .filter(i -> movesAnAverage(key.rule(), i))
                                        .toList();
                        byDevice.computeIfAbsent(key.onlineDevice(), device -> new ArrayList<>())
                                .addAll(moving);
                    }
                });
        byDevice.values().stream().filter(indices -> !indices.isEmpty()).forEach(this::addGuard);
    }

    /** Constants may be infinite, such as the mask of an attention, and move no average. */
    private boolean movesAnAverage(TrackedParameter.Rule rule, int index) {
        return switch (rule) {
            case AVERAGE, COPY -> true;
            case COPY_IF_CHANGED -> trainable[index];
            case KEEP -> false;
        };
    }

    private void addGuard(List<Integer> indices) {
        guards.add(
                new Guard(
                        new FiniteCheck(select(List.of(onlineArrays), indices), manager),
                        List.copyOf(indices)));
    }

    private static List<NDArray> select(List<NDArray> arrays, List<Integer> indices) {
        return indices.stream().map(arrays::get).toList();
    }

    /** Tells whether the model still has the arrays and gradients the lists were made for. */
    boolean isCurrent() {
        for (int i = 0; i < onlineArrays.length; i++) {
            TrackedParameter parameter = parameters.get(i);
            if (parameter.online() != onlineArrays[i]
                    || parameter.parameter().requiresGradient() != trainable[i]) {
                return false;
            }
        }
        return true;
    }

    /** Returns the parameters whose arrays were freed since the lists were made, and made anew. */
    Set<Parameter> initializedAgain() {
        Set<Parameter> again = Collections.newSetFromMap(new IdentityHashMap<>());
        for (int i = 0; i < onlineArrays.length; i++) {
            Parameter parameter = parameters.get(i).parameter();
            if (onlineArrays[i] instanceof NativeResource<?> array
                    && array.isReleased()
                    && parameter.isInitialized()) {
                again.add(parameter);
            }
        }
        return again;
    }

    /** Returns the name of a parameter with a value that is not a finite number, or null. */
    public @Nullable String firstNonFinite() {
        for (Guard guard : guards) {
            int index = guard.check().firstNonFinite();
            if (index >= 0) {
                return parameters.get(guard.indices().get(index)).name();
            }
        }
        return null;
    }

    /** Returns the name of a parameter whose averages start with such a value, or null. */
    public @Nullable String firstNonFiniteStart() {
        List<NDArray> starts = averages.get(0).arrays();
        try (NDManager scope = manager.newSubManager()) {
            for (Guard guard : guards) {
                int index =
                        new FiniteCheck(select(starts, guard.indices()), scope).firstNonFinite();
                if (index >= 0) {
                    return parameters.get(guard.indices().get(index)).name();
                }
            }
        }
        return null;
    }

    /**
     * Moves or copies the active averages; there must be one.
     *
     * @throws IllegalStateException if an array is closed; nothing has moved then
     */
    public void update(StepWeights[] weights, BitSet active) {
        for (AveragedGroup group : averaged) {
            group.requireOpen();
        }
        for (CopiedGroup group : copied) {
            group.requireOpen();
        }
        for (AveragedGroup group : averaged) {
            group.update(weights, active);
        }
        for (CopiedGroup group : copied) {
            group.update(active);
        }
    }

    /** Puts an average into the trained weights that move it, for good. */
    public void writeBack(int average) {
        averaged.forEach(group -> group.writeBack(average, trainable));
    }

    /** The share of values that a move by the weight would leave although they differ. */
    public double stalledShare(int average, double weight) {
        double share = 0;
        for (AveragedGroup group : averaged) {
            share = Math.max(share, group.stalledShare(average, weight));
        }
        return share;
    }

    /** The Euclidean distance between an average and the trained weights that move it. */
    public double distance(int average) {
        double squares = 0;
        for (AveragedGroup group : averaged) {
            double distance = group.distance(average, trainable);
            squares += distance * distance;
        }
        return Math.sqrt(squares);
    }

    /** Frees the lists; the averages stay. */
    @Override
    public void close() {
        manager.close();
    }
}
