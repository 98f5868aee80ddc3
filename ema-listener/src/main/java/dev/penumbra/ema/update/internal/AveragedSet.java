// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.ema.weights.WeightSwap;
import dev.penumbra.ema.weights.WeightsMemory;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The arrays of one average: the averaged values and, if they are carried, rounding errors. */
public final class AveragedSet {

    private final UpdateSettings settings;
    private final NDManager manager;
    private final ModelWeights weights;
    private final IdentityHashMap<Parameter, NDArray> carryOf = new IdentityHashMap<>();
    private List<NDArray> arrays = List.of();
    private List<NDArray> carries = List.of();

    AveragedSet(
            Model model,
            UpdateSettings settings,
            WeightsMemory memory,
            List<TrackedParameter> parameters) {
        this.settings = settings;
        manager = memory.manager();
        weights = new ModelWeights(model, memory, List.of());
        track(parameters, Set.of());
    }

    /**
     * Keeps the values of known parameters, drops those gone, takes new ones as they are.
     *
     * @param again known parameters that count as new ones
     */
    void track(List<TrackedParameter> parameters, Set<Parameter> again) {
        IdentityHashMap<Parameter, NDArray> known = new IdentityHashMap<>();
        weights.entries().forEach(entry -> known.put(entry.parameter(), entry.array()));
        again.forEach(parameter -> drop(parameter, known.remove(parameter)));
        List<Entry> entries = new ArrayList<>();
        for (TrackedParameter tracked : parameters) {
            NDArray array = known.remove(tracked.parameter());
            entries.add(
                    new Entry(
                            tracked.name(),
                            tracked.parameter(),
                            array == null ? start(tracked) : array));
        }
        known.forEach(this::drop);
        weights.replace(entries);
        arrays = entries.stream().map(Entry::array).toList();
        carries = carryOf.isEmpty() ? List.of() : parameters.stream().map(this::carry).toList();
    }

    private void drop(Parameter parameter, @Nullable NDArray array) {
        NDArray carry = carryOf.remove(parameter);
        for (NDArray each : new NDArray[] {array, carry}) {
            if (each != null) {
                each.close();
            }
        }
    }

    private NDArray carry(TrackedParameter parameter) {
        return java.util.Objects.requireNonNull(carryOf.get(parameter.parameter()));
    }

    /** Takes the values that the parameters have. */
    void startAgain(List<TrackedParameter> parameters) {
        WeightSwap.copy(arrays, parameters.stream().map(TrackedParameter::online).toList());
        for (NDArray carry : carries) {
            try (NDArray zeros = carry.zerosLike()) {
                WeightSwap.copy(List.of(carry), List.of(zeros));
            }
        }
    }

    private NDArray start(TrackedParameter tracked) {
        NDArray online = tracked.online();
        Device device = settings.device() == null ? online.getDevice() : settings.device();
        NDArray array =
                manager.zeros(online.getShape(), tracked.averageType(settings.precision()), device);
        if (settings.arithmetic() == Arithmetic.COMPENSATED) {
            NDArray carry = array.zerosLike();
            carry.attach(manager);
            carryOf.put(tracked.parameter(), carry);
        }
        WeightSwap.copy(List.of(array), List.of(online));
        return array;
    }

    /**
     * Returns the averaged weights.
     *
     * @return the weights, which stay the owner's
     */
    public ModelWeights weights() {
        return weights;
    }

    /** The averaged values, in the order of the parameters. */
    public List<NDArray> arrays() {
        return arrays;
    }

    /** The rounding errors, in the order of the parameters; empty if none are carried. */
    public List<NDArray> carries() {
        return carries;
    }
}
