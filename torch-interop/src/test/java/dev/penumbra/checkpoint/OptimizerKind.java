// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.torch.FusedAdamW;

/** The optimizers that can be saved. */
public enum OptimizerKind {
    FUSED_ADAMW,
    ADAMW,
    ADAM,
    SGD,
    SGD_MOMENTUM;

    Optimizer create() {
        Tracker rate =
                Tracker.cosine().setBaseValue(0.05f).optFinalValue(0.01f).setMaxUpdates(12).build();
        return switch (this) {
            case FUSED_ADAMW -> FusedAdamW.builder().optLearningRateTracker(rate).build();
            case ADAMW -> Optimizer.adamW().optLearningRateTracker(rate).build();
            case ADAM -> Optimizer.adam().optLearningRateTracker(rate).build();
            case SGD -> Optimizer.sgd().setLearningRateTracker(rate).build();
            case SGD_MOMENTUM ->
                    Optimizer.sgd().setLearningRateTracker(rate).optMomentum(0.9f).build();
        };
    }
}
