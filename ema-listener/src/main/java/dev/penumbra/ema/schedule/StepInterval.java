// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * Every n-th step from a first one on: {@code first}, {@code first + every}, {@code first + 2 *
 * every} and so on, counted from 1.
 *
 * @param every the distance of two included steps, at least 1
 * @param first the first included step, at least 1
 */
public record StepInterval(long every, long first) {

    /** Checks both components. */
    public StepInterval {
        Arguments.requireCount("every", every);
        Arguments.requireCount("first", first);
    }

    /**
     * The multiples of a number of steps.
     *
     * @param every the number of steps, at least 1
     */
    public StepInterval(long every) {
        this(every, every);
    }

    /**
     * Tells whether the interval includes a step.
     *
     * @param step the step, at least 0
     * @return whether it does
     */
    public boolean includes(long step) {
        Arguments.requireNotNegative("step", step);
        return step >= first && (step - first) % every == 0;
    }

    /**
     * Returns how many steps the interval includes until a step.
     *
     * @param step the step, at least 0
     * @return the number of included steps of at most {@code step}
     */
    public long countUpTo(long step) {
        Arguments.requireNotNegative("step", step);
        return step < first ? 0 : (step - first) / every + 1;
    }

    /**
     * Returns the last included step before a step.
     *
     * @param step the step, at least 0
     * @return the greatest included step below {@code step}; 0 if there is none
     */
    public long previous(long step) {
        Arguments.requireNotNegative("step", step);
        return step == 0 ? 0 : lastUpTo(step - 1);
    }

    /**
     * Returns the first included step after a step.
     *
     * @param step the step, at least 0
     * @return the least included step above {@code step}
     * @throws ArithmeticException if it exceeds {@link Long#MAX_VALUE}
     */
    public long next(long step) {
        return step(Math.addExact(countUpTo(step), 1));
    }

    /** The last included step of at most the given one; 0 if there is none. */
    long lastUpTo(long step) {
        long count = countUpTo(step);
        return count == 0 ? 0 : step(count);
    }

    /** The included step with the given number, which is at least 1. */
    long step(long count) {
        return Math.addExact(first, Math.multiplyExact(count - 1, every));
    }
}
