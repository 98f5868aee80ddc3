// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.AfterStep;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.merge.WeightedSum;
import dev.penumbra.ema.statistics.RunningStatistics;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.internal.operator.FiniteCheck;
import dev.penumbra.state.Stateful;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The uniform mean of the latest snapshots of the weights of a model (LAWA).
 *
 * <p>\[ \bar\theta = \frac{1}{k} \sum_{j=0}^{k-1} \theta_{t - jn} \]
 *
 * <p>Snapshots are taken every \( n \) steps, or by {@link #take}, for example at the ends of
 * epochs. Once there are \( k \), each takes the place of the oldest. Memory holds the \( k \)
 * snapshots, in the types and on the devices of the model, and the mean while it is used. Running
 * statistics are averaged like weights: see {@link RunningStatistics}. Not safe for use by several
 * threads at once.
 *
 * @see <a href="https://arxiv.org/abs/2209.14981">Kaddour (2022), Stop wasting my time! Saving days
 *     of ImageNet and BERT training with latest weight averaging</a>
 * @see <a href="https://arxiv.org/abs/2306.03241">Sanyal et al. (2023), Early weight averaging
 *     meets high learning rates for LLM pre-training</a>
 */
public final class LatestWeightAveraging implements AfterStep, AutoCloseable {

    private final int capacity;
    private final long every;
    private final Deque<ModelWeights> snapshots = new ArrayDeque<>();
    private long skippedSnapshots;
    private boolean closed;

    /**
     * Starts without snapshots.
     *
     * @param capacity the number \( k \) of snapshots in the mean, at least 1
     * @param every the number \( n \) of steps from one snapshot to the next, at least 1
     * @throws IllegalArgumentException if a number is out of range
     */
    public LatestWeightAveraging(int capacity, long every) {
        if (capacity < 1) {
            throw new IllegalArgumentException("capacity must be at least 1, got " + capacity);
        }
        if (every < 1) {
            throw new IllegalArgumentException("every must be at least 1, got " + every);
        }
        this.capacity = capacity;
        this.every = every;
    }

    /**
     * Takes a snapshot of the online weights at every n-th step. Weights that are not finite are
     * treated as the settings of the averages say.
     *
     * @param averages the averages of the model
     * @throws ArithmeticException if a weight is not finite and the settings say FAIL
     */
    @Override
    public void afterStep(WeightAverages averages) {
        if (averages.step() % every != 0) {
            return;
        }
        Model model = averages.model();
        NonFinite policy = averages.config().nonFinite();
        if (policy == NonFinite.SKIP && firstNonFinite(model) != null) {
            skippedSnapshots++;
        } else if (policy == NonFinite.OFF) {
            add(model);
        } else {
            take(model);
        }
    }

    /**
     * Takes a snapshot of a model's own weights.
     *
     * @param model the model, the same each time
     * @throws ArithmeticException if a weight is not finite; the snapshots are as they were
     * @throws IllegalArgumentException if it is another model than before
     * @throws IllegalStateException if this is closed or the model has no weights yet
     */
    public void take(Model model) {
        String culprit = firstNonFinite(model);
        if (culprit != null) {
            throw new ArithmeticException(
                    "'" + culprit + "' must be finite, got an infinite value or NaN");
        }
        add(model);
    }

    private void add(Model model) {
        requireOpen();
        if (!snapshots.isEmpty() && snapshots.element().model() != model) {
            throw new IllegalArgumentException(
                    "model must be that of the earlier snapshots, got " + model.getName());
        }
        if (snapshots.size() == capacity) {
            ModelWeights oldest = snapshots.remove();
            if (oldest.takeFromModel()) {
                snapshots.add(oldest);
                return;
            }
            oldest.close();
        }
        snapshots.add(ModelWeights.copyOf(model));
    }

    /** Constants may be infinite, such as the mask of an attention. */
    private static @Nullable String firstNonFinite(Model model) {
        Map<DataType, List<NDArray>> arrays = new LinkedHashMap<>();
        Map<DataType, List<String>> names = new LinkedHashMap<>();
        ModelWeights.parametersOf(model.getBlock())
                .forEach(
                        (name, parameter) -> {
                            NDArray array = parameter.getArray();
                            DataType type = array.getDataType();
                            boolean moves =
                                    parameter.requiresGradient()
                                            || parameter.getType() == Parameter.Type.RUNNING_MEAN
                                            || parameter.getType() == Parameter.Type.RUNNING_VAR;
                            if (moves && type.isFloating()) {
                                arrays.computeIfAbsent(type, t -> new ArrayList<>()).add(array);
                                names.computeIfAbsent(type, t -> new ArrayList<>()).add(name);
                            }
                        });
        try (NDManager scope = model.getNDManager().newSubManager()) {
            for (Map.Entry<DataType, List<NDArray>> entry : arrays.entrySet()) {
                int index = new FiniteCheck(entry.getValue(), scope).firstNonFinite();
                if (index >= 0) {
                    return Objects.requireNonNull(names.get(entry.getKey())).get(index);
                }
            }
        }
        return null;
    }

    /**
     * Returns the mean of the snapshots. It does not change with later snapshots.
     *
     * @return the mean, in float32 at least; the caller closes it
     * @throws IllegalStateException if there is no snapshot or this is closed
     */
    public ModelWeights weights() {
        requireOpen();
        if (snapshots.isEmpty()) {
            throw new IllegalStateException(
                    "There is no snapshot yet: train "
                            + every
                            + " steps or call take(...) before using the mean");
        }
        try (WeightedSum sum = new WeightedSum(snapshots.element().model())) {
            for (ModelWeights snapshot : snapshots) {
                sum.add(snapshot.arrays(), 1);
            }
            return sum.weights(snapshots.size());
        }
    }

    /**
     * Returns the number of snapshots that are in the mean.
     *
     * @return the number, at least 0 and at most the capacity
     */
    public int size() {
        return snapshots.size();
    }

    /**
     * Returns the number of snapshots that were left out because a weight was not finite.
     *
     * @return the number, at least 0
     */
    public long skippedSnapshots() {
        return skippedSnapshots;
    }

    /**
     * Returns the state, to be saved and restored.
     *
     * @param model the model whose weights are averaged, with initialized parameters
     * @return the state
     */
    public Stateful stateful(Model model) {
        return new LatestWeightAveragingState(this, model);
    }

    Deque<ModelWeights> snapshots() {
        return snapshots;
    }

    int capacity() {
        return capacity;
    }

    long every() {
        return every;
    }

    /** Forgets all snapshots. */
    void restart(long skipped) {
        requireOpen();
        snapshots.forEach(ModelWeights::close);
        snapshots.clear();
        skippedSnapshots = skipped;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("The average is closed");
        }
    }

    /** Frees the snapshots. */
    @Override
    public void close() {
        closed = true;
        snapshots.forEach(ModelWeights::close);
        snapshots.clear();
    }
}
