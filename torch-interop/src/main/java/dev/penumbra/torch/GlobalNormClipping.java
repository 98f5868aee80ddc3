// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.nn.Parameter;
import ai.djl.training.Trainer;
import ai.djl.training.listener.TrainingListenerAdapter;
import dev.penumbra.internal.operator.ForeachOps;
import dev.penumbra.internal.operator.TensorList;
import dev.penumbra.training.OptimizerSteps;
import dev.penumbra.training.StepObserver;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/**
 * A listener that limits the norm of all gradients, as {@code torch.nn.utils.clip_grad_norm_} does.
 *
 * <p>The gradients are clipped inside {@code trainer.step()}, right before the optimizer reads
 * them, whatever loop takes the step and however many batches its gradients come from. Listeners
 * that read the gradients of a step see them clipped if they are added after this one. Only
 * training on one device is supported, because DJL adds the gradients of several devices inside the
 * step.
 *
 * @see <a href="https://arxiv.org/abs/1211.5063">Pascanu, Mikolov, Bengio (2013), On the difficulty
 *     of training recurrent neural networks</a>, algorithm 1
 */
public final class GlobalNormClipping extends TrainingListenerAdapter {

    private final double maxNorm;
    private final StepObserver observer = new Observer();

    /**
     * Creates a listener.
     *
     * @param maxNorm the largest norm, finite and above 0
     */
    public GlobalNormClipping(double maxNorm) {
        ForeachOps.requireMaxNorm(maxNorm);
        this.maxNorm = maxNorm;
    }

    @Override
    public void onTrainingBegin(Trainer trainer) {
        if (trainer.getDevices().length > 1) {
            throw new IllegalStateException(
                    "devices must be one for clipping by norm, got " + trainer.getDevices().length);
        }
        OptimizerSteps.of(trainer).add(observer);
    }

    private final class Observer implements StepObserver {

        @Override
        public void beforeStep(Trainer trainer) {
            Set<Parameter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
            try (NDList gradients = new NDList()) {
                for (Parameter parameter : trainer.getModel().getBlock().getParameters().values()) {
                    NDArray array = parameter.getArray();
                    if (parameter.requiresGradient()
                            && array.hasGradient()
                            && seen.add(parameter)) {
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
}
