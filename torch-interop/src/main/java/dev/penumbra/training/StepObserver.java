// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.training;

import ai.djl.training.Trainer;

/**
 * What wants to be told of the optimizer steps of a trainer.
 *
 * <p>Every observer of a trainer is told of one moment before any is told of the next one, so the
 * order in which observers were added counts only within a moment:
 *
 * <pre>{@code
 * new Trainer(...)
 * trainer.initialize(...)
 * for each step
 *     forward and backward passes  -> beforeForward   once, before the first one of all
 *     trainer.step()
 *                                  -> checkStep       gradients are there, nothing has moved
 *                                  -> beforeStep      the same, and no observer has refused
 *         the optimizer moves the weights
 *                                  -> afterStep       the weights have moved
 *                                  -> onStepEnd       every observer has dealt with the step
 * }</pre>
 */
public interface StepObserver {

    /**
     * Tells that the first forward pass in training mode is about to read the weights, once in the
     * life of a trainer. Running statistics are what they were before it.
     *
     * @param trainer the trainer
     */
    default void beforeForward(Trainer trainer) {}

    /**
     * Asks whether a step may be taken. An exception refuses it: neither the weights nor anything
     * that another observer keeps has changed, and the step is not counted.
     *
     * @param trainer the trainer
     */
    default void checkStep(Trainer trainer) {}

    /**
     * Tells that the optimizer is about to move the weights. Gradients may be read and changed.
     *
     * @param trainer the trainer
     */
    default void beforeStep(Trainer trainer) {}

    /**
     * Tells that the optimizer has moved the weights. An exception reaches the caller of {@code
     * trainer.step()}, after every other observer has been told.
     *
     * @param trainer the trainer
     */
    default void afterStep(Trainer trainer) {}

    /**
     * Tells that every observer has dealt with the step, unless one of them has thrown.
     *
     * @param trainer the trainer
     */
    default void onStepEnd(Trainer trainer) {}
}
