// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

/**
 * The weight of the KL term as a function of the step.
 *
 * <p>A schedule is immutable and keeps no count: the same step has the same weight whenever it is
 * asked for, so an interrupted run that knows its step needs nothing else. One of the program's own
 * is given like any other; a checkpoint names it by its class, or a record by its components.
 */
@FunctionalInterface
public interface KlWeightSchedule {

    /**
     * Returns the weight of the KL term in the loss of a step.
     *
     * @param step optimizer steps taken before this loss; 0 for the first
     * @return the weight
     * @throws IllegalArgumentException if {@code step < 0}
     */
    double weightAt(long step);
}
