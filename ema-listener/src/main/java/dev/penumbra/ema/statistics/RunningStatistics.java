// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.nn.norm.BatchNorm;
import ai.djl.training.Trainer;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.TranslateException;
import dev.penumbra.ema.update.internal.TrackedParameter;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.ema.weights.WeightSwap;
import dev.penumbra.internal.script.ScriptBlocks;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * Computes the running mean and variance of every BatchNorm of a model over data, for given
 * weights.
 *
 * <p>The mean of weights does not go with the mean of their running statistics, so averages that
 * are far apart, such as those of stochastic weight averaging, need statistics of their own.
 *
 * <p>The statistics are those of all values together, whatever the sizes of the batches: the mean,
 * and the variance with \( n - 1 \). As in training, a BatchNorm normalizes each batch by the
 * batch's own statistics during the pass, so what deeper layers see depends on the batches: use
 * batches as large as in training, and none of a single sample.
 *
 * <p>Nothing is written unless all data has been read: after an exception, the weights are as they
 * were. The model's own weights, running statistics, momentum and dropout rates are the same bit
 * for bit afterwards. DJL's dropout is off during the pass; dropout that a block of another library
 * computes itself cannot be turned off. A BatchNorm that the data does not reach keeps its values,
 * as do running statistics of other blocks.
 *
 * <p>How many values a channel has is taken from the shapes for which the model was initialized, so
 * the data must have these shapes apart from the first axis, the batch. A BatchNorm that is called
 * several times in one forward pass must see the same number of values each time. Models whose
 * forward pass needs labels are not supported. Not safe for use while the model is used elsewhere.
 */
public final class RunningStatistics {

    private final Model model;
    private final List<Entry> entries;
    private final List<BatchNormStatistics> blocks = new ArrayList<>();
    private final Shape[] shapes;

    private RunningStatistics(Model model, List<Entry> entries) {
        this.model = model;
        this.entries = entries;
        requireIn(model.getBlock());
        shapes = model.getBlock().getInputShapes();
        BlockTree.of(model.getBlock())
                .forEach(
                        (name, block) -> {
                            if (block instanceof BatchNorm norm) {
                                blocks.add(new BatchNormStatistics(name, norm, shapes[0].get(0)));
                            }
                        });
    }

    /**
     * Recomputes the running statistics of given weights.
     *
     * @param weights the weights; only their running statistics change
     * @param data the inputs of the block, batch by batch; they stay the caller's
     * @throws IllegalArgumentException if there is no batch, a batch has other shapes than the
     *     model or a channel has only one value
     * @throws ArithmeticException if a result is not finite
     * @throws IllegalStateException if the weights are closed or swapped in, or the momentum of a
     *     BatchNorm is 1
     */
    public static void recompute(ModelWeights weights, Iterable<NDList> data) {
        weights.requireUsable();
        RunningStatistics statistics = new RunningStatistics(weights.model(), weights.entries());
        statistics.readAll(data);
    }

    /**
     * Recomputes the running statistics of given weights.
     *
     * @param weights the weights; only their running statistics change
     * @param trainer a trainer of the model
     * @param dataset the data, without its labels
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @see #recompute(ModelWeights, Iterable)
     */
    public static void recompute(ModelWeights weights, Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        weights.requireUsable();
        RunningStatistics statistics = new RunningStatistics(weights.model(), weights.entries());
        statistics.readAll(trainer, dataset);
    }

    /**
     * Recomputes the running statistics of a model for its own weights.
     *
     * @param model the model; only its running statistics change
     * @param data the inputs of the block, batch by batch; they stay the caller's
     * @see #recompute(ModelWeights, Iterable)
     */
    public static void recompute(Model model, Iterable<NDList> data) {
        new RunningStatistics(model, entriesOf(model)).readAll(data);
    }

    /**
     * Recomputes the running statistics of a trainer's model for its own weights.
     *
     * @param trainer the trainer; only the running statistics of its model change
     * @param dataset the data, without its labels
     * @throws IOException if the data cannot be read
     * @throws TranslateException if the data cannot be prepared
     * @see #recompute(ModelWeights, Iterable)
     */
    public static void recompute(Trainer trainer, Dataset dataset)
            throws IOException, TranslateException {
        Model model = trainer.getModel();
        new RunningStatistics(model, entriesOf(model)).readAll(trainer, dataset);
    }

    /**
     * Requires that all running statistics can be recomputed.
     *
     * @throws IllegalStateException if a TorchScript block has some, whose batches cannot be seen
     */
    public static void requireIn(Block root) {
        ScriptBlocks.buffers(root)
                .forEach(
                        (name, buffer) -> {
                            if (TrackedParameter.isStatistics(buffer)) {
                                throw new IllegalStateException(
                                        "running statistics of a TorchScript block cannot be"
                                                + " recomputed, got '"
                                                + name
                                                + "': average or copy them");
                            }
                        });
    }

    /** Tells whether a block has running statistics to recompute. */
    public static boolean areIn(Block root) {
        return BlockTree.of(root).values().stream().anyMatch(BatchNorm.class::isInstance);
    }

    private static List<Entry> entriesOf(Model model) {
        List<Entry> entries = new ArrayList<>();
        ModelWeights.parametersOf(model.getBlock())
                .forEach(
                        (name, parameter) ->
                                entries.add(new Entry(name, parameter, parameter.getArray())));
        return entries;
    }

    @SuppressWarnings("try") // the rates only have to be restored
    private void readAll(Iterable<NDList> data) {
        if (blocks.isEmpty()) {
            return;
        }
        long batches = 0;
        try (DropoutRates rates = DropoutRates.off(model.getBlock())) {
            for (NDList inputs : data) {
                read(inputs);
                batches++;
            }
        }
        write(batches);
    }

    @SuppressWarnings("try") // the rates only have to be restored
    private void readAll(Trainer trainer, Dataset dataset) throws IOException, TranslateException {
        if (blocks.isEmpty()) {
            return;
        }
        long batches = 0;
        try (DropoutRates rates = DropoutRates.off(model.getBlock())) {
            for (Batch batch : trainer.iterateDataset(dataset)) {
                try (batch) {
                    read(batch.getData());
                    batches++;
                }
            }
        }
        write(batches);
    }

    private void read(NDList inputs) {
        requireShapes(inputs);
        long samples = inputs.head().size(0);
        boolean single =
                samples == 1 && blocks.stream().anyMatch(BatchNormStatistics::needsTwoSamples);
        Block block = model.getBlock();
        Device device = blocks.get(0).mean().getArray().getDevice();
        try (NDManager scope = model.getNDManager().newSubManager()) {
            NDList views = new NDList();
            for (NDArray input : inputs) {
                NDArray view = input.stopGradient();
                view.attach(scope);
                view = view.toDevice(device, false);
                // The engine refuses to normalize one value, and two copies have the same moments.
                views.add(single ? view.repeat(0, 2) : view);
            }
            block.forward(new StatisticsStore(scope, entries, blocks), views, true).attach(scope);
            blocks.forEach(statistics -> statistics.merge(samples, single ? 2 : 1));
        }
    }

    private void requireShapes(NDList inputs) {
        Shape[] actual = inputs.getShapes();
        boolean same = actual.length == shapes.length;
        for (int i = 0; same && i < actual.length; i++) {
            same =
                    actual[i].dimension() > 0
                            && actual[i].dimension() == shapes[i].dimension()
                            && actual[i].slice(1).equals(shapes[i].slice(1));
        }
        if (!same) {
            throw new IllegalArgumentException(
                    "inputs must have the shapes of initialization apart from the first axis, got "
                            + Arrays.toString(actual)
                            + " for "
                            + Arrays.toString(shapes));
        }
    }

    /** Computes everything before the first value is written. */
    private void write(long batches) {
        if (batches == 0) {
            throw new IllegalArgumentException("data must have at least one batch, got none");
        }
        IdentityHashMap<Parameter, NDArray> arrays = new IdentityHashMap<>();
        entries.forEach(entry -> arrays.put(entry.parameter(), entry.array()));
        List<NDArray> targets = new ArrayList<>();
        List<NDArray> sources = new ArrayList<>();
        try (NDManager scope = model.getNDManager().newSubManager()) {
            for (BatchNormStatistics statistics : blocks) {
                if (statistics.hasValues()) {
                    targets.add(arrays.get(statistics.mean()));
                    sources.add(scope.create(statistics.means()));
                    targets.add(arrays.get(statistics.variance()));
                    sources.add(scope.create(statistics.variances()));
                }
            }
            WeightSwap.copy(targets, sources);
        }
    }
}
