// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.training.optimizer.Optimizer;
import ai.djl.training.tracker.Tracker;
import dev.penumbra.torch.FusedAdamW;

/** The optimizers with which loops are tried. */
enum OptimizerKind {
    SGD,
    SGD_WITH_MOMENTUM,
    ADAM,
    ADAMW,
    FUSED_ADAMW;

    Optimizer create() {
        return switch (this) {
            case SGD -> sgd(0);
            case SGD_WITH_MOMENTUM -> sgd(0.9f);
            case ADAM -> Optimizer.adam().build();
            case ADAMW -> Optimizer.adamW().build();
            case FUSED_ADAMW -> FusedAdamW.builder().build();
        };
    }

    private static Optimizer sgd(float momentum) {
        return Optimizer.sgd()
                .setLearningRateTracker(Tracker.fixed(0.05f))
                .optMomentum(momentum)
                .build();
    }
}
