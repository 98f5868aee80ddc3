// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.ndarray.index.NDIndex;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.initializer.Initializer;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The values that running statistics have before the first forward pass.
 *
 * <p>DJL initializes parameters after a listener's first event and its next sign of life comes
 * after a forward pass, which has changed running statistics already, though not the weights.
 * Statistics that did not exist at the first event started as zeros or ones, by their initializer.
 */
final class InitialBuffers {

    private final IdentityHashMap<Parameter, Float> values = new IdentityHashMap<>();
    private final boolean weightsExist;

    private InitialBuffers(Block block) {
        boolean exist = true;
        for (Parameter parameter : block.getParameters().values()) {
            if (!parameter.isInitialized()) {
                exist = false;
                Float value = startOf(parameter);
                if (value != null) {
                    values.put(parameter, value);
                }
            }
        }
        weightsExist = exist && !block.getParameters().isEmpty();
    }

    static InitialBuffers of(Block block) {
        return new InitialBuffers(block);
    }

    private static @Nullable Float startOf(Parameter parameter) {
        Parameter.Type type = parameter.getType();
        if (type == Parameter.Type.RUNNING_MEAN || type == Parameter.Type.RUNNING_VAR) {
            Initializer initializer = parameter.getInitializer();
            if (initializer == Initializer.ZEROS) {
                return 0f;
            }
            if (initializer == Initializer.ONES) {
                return 1f;
            }
        }
        return null;
    }

    /** Tells whether the block had all its weights. */
    boolean weightsExist() {
        return weightsExist;
    }

    /** Gives an average that has just begun the statistics of before the forward pass. */
    void restore(WeightAverage average) {
        for (ModelWeights.Entry entry : average.weights().entries()) {
            Float value = values.get(entry.parameter());
            if (value != null) {
                entry.array().set(new NDIndex("..."), value);
            }
        }
    }
}
