// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.statistics;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import dev.penumbra.ema.weights.ModelWeights;
import dev.penumbra.ema.weights.WeightsStore;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A parameter store for one batch that answers with given weights and lets every BatchNorm leave
 * the statistics of the batch in arrays of its own.
 */
final class StatisticsStore extends ParameterStore {

    private final NDManager scope;
    private final WeightsStore weights;
    private final IdentityHashMap<Parameter, BatchNormStatistics> owners = new IdentityHashMap<>();

    StatisticsStore(
            NDManager scope, List<ModelWeights.Entry> entries, List<BatchNormStatistics> blocks) {
        super(scope, false);
        this.scope = scope;
        weights = new WeightsStore(scope, entries);
        for (BatchNormStatistics block : blocks) {
            owners.put(block.mean(), block);
            owners.put(block.variance(), block);
        }
    }

    @Override
    @SuppressWarnings("NullAway") // DJL passes null for an optional parameter and expects null
    public NDArray getValue(@Nullable Parameter parameter, Device device, boolean training) {
        BatchNormStatistics owner = owners.get(parameter);
        if (owner == null) {
            return weights.getValue(parameter, device, training);
        }
        // A shared block asks again at each of its calls.
        return parameter == owner.mean() ? owner.newMean(scope) : owner.newVariance(scope);
    }
}
