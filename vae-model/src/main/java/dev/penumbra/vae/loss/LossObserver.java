// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.loss;

import ai.djl.ndarray.NDArray;

/** What wants to be told of the evaluations of a {@link VaeLoss} for gradients. */
@FunctionalInterface
public interface LossObserver {

    /**
     * Tells of an evaluation within a gradient collector, whose values are the loss's latest.
     *
     * @param moments the moments that the loss was computed of, which stay the caller's; (N, 2Z,
     *     ...)
     */
    void onEvaluation(NDArray moments);
}
