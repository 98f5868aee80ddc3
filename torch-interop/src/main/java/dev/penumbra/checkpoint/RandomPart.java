// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The random numbers of a training and its position in the shuffled data.
 *
 * @param sampler the sampler of the training data, if the program has given it
 * @param seed the seed of the steps, if there is one
 * @param batches tells the number of batches trained in the current epoch
 */
record RandomPart(@Nullable ResumableSampler sampler, @Nullable Long seed, LongSupplier batches)
        implements Stateful {

    @Override
    public State state() {
        Map<String, String> values = new LinkedHashMap<>();
        values.put("step_seeds", String.valueOf(seed));
        values.put("generator", Long.toString(RandomState.get()));
        values.put("batches", Long.toString(batches.getAsLong()));
        if (sampler != null) {
            values.put("generator_at_epoch", Long.toString(sampler.stateAtEpoch()));
        }
        return State.of(values);
    }

    @Override
    public List<String> differences(SavedState saved) {
        StateCheck check = new StateCheck(saved);
        check.value("step_seeds", String.valueOf(seed));
        check.whole("generator").count("batches");
        if (saved.values().containsKey("generator_at_epoch")) {
            check.whole("generator_at_epoch");
        }
        boolean within = !"0".equals(saved.values().get("batches"));
        if (within && (sampler == null || !saved.values().containsKey("generator_at_epoch"))) {
            check.add(
                    "sampler must be set when training and when resuming in the middle of an epoch,"
                            + " got none");
        }
        return check.end();
    }

    @Override
    public void restore(SavedState saved) {
        long generator = number(saved, "generator");
        long done = number(saved, "batches");
        RandomState.set(generator);
        if (sampler != null) {
            long atEpoch =
                    saved.values().containsKey("generator_at_epoch")
                            ? number(saved, "generator_at_epoch")
                            : generator;
            sampler.resume(atEpoch, generator, done);
        }
    }

    private static long number(SavedState saved, String name) {
        return Long.parseLong(Objects.requireNonNull(saved.values().get(name), name));
    }
}
