// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update.internal;

import ai.djl.Model;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.WeightsMemory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The parameters of a model, the arrays of all their averages and the native lists of both, which
 * follow what becomes of the model.
 *
 * <p>A parameter that appears later, or that was cleared and initialized again, joins with the
 * value that it has then. One that has got another array keeps its average.
 */
public final class AveragedParameters {

    private final Model model;
    private final UpdateSettings settings;
    private final WeightsMemory memory;
    private final Runnable onRestart;
    private final List<AveragedSet> sets = new ArrayList<>();
    private final List<Parameter> present = new ArrayList<>();
    private volatile List<TrackedParameter> tracked;
    private volatile BatchedUpdate engine;

    /**
     * Copies the weights that the model has.
     *
     * @param memory the memory of everything that this object makes
     * @param onRestart what happens when all trained parameters were initialized again
     */
    public AveragedParameters(
            Model model, UpdateSettings settings, WeightsMemory memory, Runnable onRestart) {
        this.model = model;
        this.settings = settings;
        this.memory = memory;
        this.onRestart = onRestart;
        tracked = list();
        for (int i = 0; i < settings.count(); i++) {
            sets.add(new AveragedSet(model, settings, memory, tracked));
        }
        engine = newEngine();
    }

    private List<TrackedParameter> list() {
        List<TrackedParameter> all = new ArrayList<>();
        ModelWeights.parametersOf(model.getBlock())
                .forEach(
                        (name, parameter) ->
                                all.add(TrackedParameter.of(name, parameter, settings)));
        present.clear();
        addPresent(model.getBlock(), present);
        return List.copyOf(all);
    }

    private BatchedUpdate newEngine() {
        return new BatchedUpdate(memory.manager().newSubManager(), settings, tracked, sets);
    }

    /** The averages, in the order of the settings. */
    public List<AveragedSet> sets() {
        return sets;
    }

    /** The parameters that the model has now. */
    @SuppressWarnings("try") // the use and the change only have to end
    public List<TrackedParameter> current() {
        try (WeightsMemory.Use use = memory.read()) {
            if (isCurrent()) {
                return tracked;
            }
        }
        // Another thread must not use what is replaced.
        try (WeightsMemory.Use change = memory.change()) {
            bringUpToDate();
            return tracked;
        }
    }

    private boolean isCurrent() {
        return hasSameParameters() && engine.isCurrent();
    }

    private void bringUpToDate() {
        if (isCurrent()) {
            return;
        }
        Set<Parameter> again = engine.initializedAgain();
        if (again.isEmpty() && hasSameParameters()) {
            sets.forEach(set -> set.weights().requireShapes());
            renew();
        } else {
            track(again);
        }
    }

    /** The arithmetic for the parameters that the model has now. */
    public BatchedUpdate engine() {
        current();
        return engine;
    }

    /** The schedule of each parameter's group, null where it follows the rule of the average. */
    public List<@Nullable DecaySchedule> schedules() {
        List<@Nullable DecaySchedule> schedules = new ArrayList<>(tracked.size());
        tracked.forEach(each -> schedules.add(each.schedule()));
        return schedules;
    }

    /** Tells whether a parameter was cleared and initialized again since the lists were made. */
    public boolean isInitializedAgain() {
        return !engine.initializedAgain().isEmpty();
    }

    /**
     * Takes parameters that have come or were initialized again, with the values that they have.
     *
     * @return these parameters
     */
    public Set<Parameter> follow() {
        Set<Parameter> before = set();
        Set<Parameter> begun = engine.initializedAgain();
        current();
        for (TrackedParameter each : tracked) {
            if (!before.contains(each.parameter())) {
                begun.add(each.parameter());
            }
        }
        return begun;
    }

    /** Takes the values that all parameters have. */
    public void startAgain() {
        current();
        sets.forEach(set -> set.startAgain(tracked));
    }

    /** The parameters, by identity. */
    public Set<Parameter> set() {
        Set<Parameter> all = Collections.newSetFromMap(new IdentityHashMap<>());
        tracked.forEach(each -> all.add(each.parameter()));
        return all;
    }

    private void track(Set<Parameter> again) {
        boolean allAgain =
                !again.isEmpty()
                        && tracked.stream()
                                .map(TrackedParameter::parameter)
                                .filter(Parameter::requiresGradient)
                                .allMatch(again::contains);
        tracked = list();
        sets.forEach(set -> set.track(tracked, again));
        renew();
        if (allAgain) {
            onRestart.run();
        }
    }

    private void renew() {
        BatchedUpdate replaced = engine;
        engine = newEngine();
        replaced.close();
    }

    private boolean hasSameParameters() {
        return countPresent(model.getBlock(), 0) == present.size();
    }

    /** Compares with what is present from a place on; returns the next place, -1 if it differs. */
    private int countPresent(Block block, int from) {
        int next = from;
        for (Parameter parameter : block.getDirectParameters().values()) {
            if (parameter.isInitialized()) {
                if (next == present.size() || present.get(next) != parameter) {
                    return -1;
                }
                next++;
            }
        }
        for (Block child : block.getChildren().values()) {
            next = countPresent(child, next);
            if (next < 0) {
                return -1;
            }
        }
        return next;
    }

    /**
     * Adds the parameters that have arrays, without the names that the block would put together.
     */
    private static void addPresent(Block block, List<Parameter> parameters) {
        for (Parameter parameter : block.getDirectParameters().values()) {
            if (parameter.isInitialized()) {
                parameters.add(parameter);
            }
        }
        for (Block child : block.getChildren().values()) {
            addPresent(child, parameters);
        }
    }
}
