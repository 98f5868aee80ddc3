// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.state.SavedState;
import dev.penumbra.state.State;
import dev.penumbra.state.StateCheck;
import dev.penumbra.state.Stateful;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A listener that limits the norm of all gradients, as {@code torch.nn.utils.clip_grad_norm_} does.
 *
 * <p>DJL reports a batch after its backward pass and before {@code trainer.step()}, which is where
 * gradients are clipped. With gradients accumulated over several batches the limit applies only to
 * the batch before a step: give their number. Only training on one device is supported, because DJL
 * adds the gradients of several devices inside the step.
 *
 * @see <a href="https://arxiv.org/abs/1211.5063">Pascanu, Mikolov, Bengio (2013), On the difficulty
 *     of training recurrent neural networks</a>, algorithm 1
 */
public final class GlobalNormClipping extends TrainingListenerAdapter implements Stateful {

    private static final String BATCHES = "batches";

    private final double maxNorm;
    private final int batchesPerStep;
    private long batches;

    /**
     * Creates a listener for one step per batch.
     *
     * @param maxNorm the largest norm, finite and above 0
     */
    public GlobalNormClipping(double maxNorm) {
        this(maxNorm, 1);
    }

    /**
     * Creates a listener for accumulated gradients.
     *
     * @param maxNorm the largest norm, finite and above 0
     * @param batchesPerStep the number of batches before each step, at least 1
     */
    public GlobalNormClipping(double maxNorm, int batchesPerStep) {
        ForeachOps.requireMaxNorm(maxNorm);
        if (batchesPerStep < 1) {
            throw new IllegalArgumentException(
                    "batchesPerStep must be at least 1, got " + batchesPerStep);
        }
        this.maxNorm = maxNorm;
        this.batchesPerStep = batchesPerStep;
    }

    @Override
    public State state() {
        return State.of(Map.of(BATCHES, Long.toString(batches)));
    }

    @Override
    public List<String> differences(SavedState saved) {
        return new StateCheck(saved).count(BATCHES).end();
    }

    @Override
    public void restore(SavedState saved) {
        batches = Long.parseLong(Objects.requireNonNull(saved.values().get(BATCHES)));
    }

    @Override
    public void onTrainingBatch(Trainer trainer, BatchData batchData) {
        if (trainer.getDevices().length > 1) {
            throw new IllegalStateException(
                    "devices must be one for clipping by norm, got " + trainer.getDevices().length);
        }
        if (++batches % batchesPerStep != 0) {
            return;
        }
        Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        try (NDList gradients = new NDList()) {
            for (Parameter parameter : trainer.getModel().getBlock().getParameters().values()) {
                NDArray array = parameter.getArray();
                if (parameter.requiresGradient() && array.hasGradient() && seen.add(parameter)) {
                    gradients.add(array.getGradient());
                }
            }
            if (!gradients.isEmpty()) {
                try (TensorList list = TensorList.of(gradients)) {
                    ForeachOps.clipNorm(list, maxNorm);
                }
            }
        }
    }
}
