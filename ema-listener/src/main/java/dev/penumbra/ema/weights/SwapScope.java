// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

/** The time in which a model's arrays hold averaged weights. */
public final class SwapScope implements AutoCloseable {

    private final ModelWeights weights;
    private boolean open = true;

    SwapScope(ModelWeights weights) {
        this.weights = weights;
    }

    /** Restores the online weights, once. */
    @Override
    public void close() {
        if (open) {
            open = false;
            weights.swapOut();
        }
    }
}
