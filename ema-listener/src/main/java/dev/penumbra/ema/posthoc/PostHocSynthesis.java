// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.util.Progress;
import dev.penumbra.ema.merge.WeightedSum;
import dev.penumbra.ema.weights.ModelWeights;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes averages of any length after the training, from the snapshots of a folder.
 *
 * <pre>{@code
 * PostHocSynthesis synthesis = PostHocSynthesis.open(folder, model);
 * try (ModelWeights weights = synthesis.synthesize(AverageProfile.ofRelativeWidth(0.15, 8000))) {
 *     weights.evaluate(trainer, validation);
 * }
 * }</pre>
 *
 * <p>All parameters are combined, running statistics too, whose variances can become negative:
 * {@link dev.penumbra.ema.statistics.RunningStatistics} recomputes them for the synthesized
 * weights. Integers are those of the latest snapshot used.
 */
public final class PostHocSynthesis {

    private static final Logger logger = LoggerFactory.getLogger(PostHocSynthesis.class);

    private final Model model;
    private final List<Snapshot> snapshots;

    private PostHocSynthesis(Model model, List<Snapshot> snapshots) {
        this.model = model;
        this.snapshots = snapshots;
    }

    /**
     * Opens a folder.
     *
     * @param folder the folder of the snapshots, all of one training
     * @param model the model, with initialized parameters of the names and shapes that were trained
     * @return the synthesis
     * @throws IOException if the folder has no snapshots or those of several trainings, or one
     *     cannot be read
     */
    public static PostHocSynthesis open(Path folder, Model model) throws IOException {
        List<Snapshot> snapshots = Snapshot.in(folder);
        if (snapshots.isEmpty()) {
            throw new IOException("Cannot read " + folder + ": it has no snapshots");
        }
        return new PostHocSynthesis(model, List.copyOf(snapshots));
    }

    /**
     * Returns the snapshots.
     *
     * @return the snapshots by step and name of the average
     */
    public List<Snapshot> snapshots() {
        return snapshots;
    }

    /**
     * Returns the combination that {@link #synthesize} uses, with its predicted error.
     *
     * @param target the average to make
     * @return the combination; its inputs are the snapshots, in their order
     * @throws IllegalArgumentException if the target's step is before the first or after the last
     *     snapshot
     */
    public Combination combination(AverageProfile target) {
        return Combination.of(snapshots.stream().map(Snapshot::profile).toList(), target);
    }

    /**
     * Makes an average.
     *
     * @param target the average to make
     * @return the weights; the caller closes them
     * @throws IOException if a snapshot cannot be read
     * @throws MalformedModelException if a snapshot is another model's
     */
    public ModelWeights synthesize(AverageProfile target)
            throws IOException, MalformedModelException {
        return synthesize(List.of(target), null).get(0);
    }

    /**
     * Makes several averages and reads each snapshot once. Memory holds the sums of all averages in
     * float64 and one snapshot. A predicted error above {@value Combination#GOOD_ERROR} is told in
     * the log.
     *
     * @param targets the averages to make
     * @param progress is told of each snapshot; null if nobody listens
     * @return the weights in the same order; the caller closes them
     * @throws IOException if a snapshot cannot be read
     * @throws MalformedModelException if a snapshot is another model's
     * @throws IllegalArgumentException if a target's step is before the first or after the last
     *     snapshot
     */
    public List<ModelWeights> synthesize(List<AverageProfile> targets, @Nullable Progress progress)
            throws IOException, MalformedModelException {
        List<Combination> combinations = targets.stream().map(this::combination).toList();
        combinations.forEach(PostHocSynthesis::warn);
        List<WeightedSum> sums = new ArrayList<>();
        try {
            combinations.forEach(combination -> sums.add(new WeightedSum(model)));
            if (progress != null) {
                progress.reset("Synthesizing", snapshots.size());
            }
            for (int i = 0; i < snapshots.size(); i++) {
                add(i, combinations, sums, progress);
            }
            return weights(sums);
        } finally {
            sums.forEach(WeightedSum::close);
        }
    }

    private static void warn(Combination combination) {
        if (!(combination.error() <= Combination.GOOD_ERROR)) {
            logger.warn(
                    "The snapshots give {} with a relative error of {}",
                    combination.target(),
                    combination.error());
        }
    }

    private void add(
            int index,
            List<Combination> combinations,
            List<WeightedSum> sums,
            @Nullable Progress progress)
            throws IOException, MalformedModelException {
        Snapshot snapshot = snapshots.get(index);
        long step = snapshot.profile().step();
        if (combinations.stream().anyMatch(c -> step <= c.target().step())) {
            try (NDManager scope = model.getNDManager().newSubManager()) {
                Map<String, NDArray> weights = snapshot.weights(scope);
                for (int i = 0; i < sums.size(); i++) {
                    if (step <= combinations.get(i).target().step()) {
                        sums.get(i).add(weights, combinations.get(i).coefficients().get(index));
                    }
                }
                if (progress != null) {
                    progress.increment(1);
                }
            } catch (IllegalArgumentException e) {
                throw new MalformedModelException(
                        "Cannot use " + snapshot.path() + ": " + e.getMessage(), e);
            }
        }
    }

    /** Frees each sum as soon as its weights are made. */
    private static List<ModelWeights> weights(List<WeightedSum> sums) {
        List<ModelWeights> weights = new ArrayList<>();
        try {
            for (WeightedSum sum : sums) {
                weights.add(sum.weights());
                sum.close();
            }
        } catch (RuntimeException e) {
            weights.forEach(ModelWeights::close);
            throw e;
        }
        return weights;
    }
}
