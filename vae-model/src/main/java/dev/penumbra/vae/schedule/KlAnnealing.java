// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import java.util.Objects;

/**
 * A weight that rises once or in cycles, in closed form.
 *
 * <p>For {@code delay} steps the weight is the start value \(b_0\). Then follow {@code cycles}
 * cycles. Each takes its equal part of {@code steps}: during the share {@code ratio} of it the
 * weight rises along the shape \(f\) from \(b_0\) to the end value \(b_1\), during the rest it is
 * \(b_1\), where it stays for another {@code hold} steps. After the last cycle it stays at \(b_1\).
 * With \(t\) the steps since the delay, \(T\) the steps, \(M\) the cycles, \(H\) the hold and \(R\)
 * the ratio,
 *
 * <p>\[ \tau = \frac{tM \bmod (T + HM)}{T}, \qquad \beta_t = b_0 + (b_1 - b_0) f(\min(1, \tau / R))
 * \]
 *
 * <p>The remainder is that of whole numbers, so cycles whose length is not whole neither drift nor
 * lose their ends: what a fractional cycle boundary skips is less than one step.
 *
 * @param start the value \(b_0\) before and at the beginning of a ramp, finite and at least 0
 * @param end the value \(b_1\) after a ramp, finite and at least 0
 * @param delay the steps before the first cycle, at least 0
 * @param steps the steps \(T\) of all cycles together without their holds, at least 1
 * @param cycles the number of cycles \(M\), at least 1
 * @param ratio the share \(R\) of a cycle in which the weight rises, in [0, 1]; 0 is a jump
 * @param hold the steps \(H\) at the end value that follow each cycle, at least 0
 * @param shape the curve \(f\) of a ramp
 * @see <a href="https://arxiv.org/abs/1903.10145">Fu et al. (2019), Cyclical Annealing Schedule: A
 *     Simple Approach to Mitigating KL Vanishing</a>, equations 6 and 7
 */
public record KlAnnealing(
        double start,
        double end,
        long delay,
        long steps,
        long cycles,
        double ratio,
        long hold,
        RampShape shape)
        implements KlWeightSchedule {

    /** Checks every component. */
    public KlAnnealing {
        Arguments.requireWeight("start", start);
        Arguments.requireWeight("end", end);
        Arguments.requireNotNegative("delay", delay);
        Arguments.requireCount("steps", steps);
        Arguments.requireCount("cycles", cycles);
        Arguments.requireShare("ratio", ratio);
        Arguments.requireNotNegative("hold", hold);
        Objects.requireNonNull(shape, "shape");
        if (cycles > steps) {
            throw new IllegalArgumentException(
                    "cycles must be at most steps, got cycles=" + cycles + " and steps=" + steps);
        }
        requireProduct(steps, cycles, hold);
    }

    /** The closed form multiplies steps by cycles; a run of that size does not exist. */
    private static void requireProduct(long steps, long cycles, long hold) {
        double largest = ((double) steps + (double) hold * cycles) * cycles;
        if (largest >= 0x1p62) {
            throw new IllegalArgumentException(
                    "(steps + hold * cycles) * cycles must be below 2^62, got steps="
                            + steps
                            + ", cycles="
                            + cycles
                            + " and hold="
                            + hold);
        }
    }

    /**
     * The same weight at every step.
     *
     * @param weight the weight, finite and at least 0
     * @return the schedule
     */
    public static KlAnnealing constant(double weight) {
        return new KlAnnealing(weight, weight, 0, 1, 1, 0, 0, RampShape.LINEAR);
    }

    /**
     * One ramp from 0.
     *
     * @param end the value after the ramp, finite and at least 0
     * @param steps the steps of the ramp, at least 1
     * @param shape the curve of the ramp
     * @return the schedule
     */
    public static KlAnnealing monotone(double end, long steps, RampShape shape) {
        return new KlAnnealing(0, end, 0, steps, 1, 1, 0, shape);
    }

    /**
     * Cycles of a ramp from 0 and a rest of the same length.
     *
     * @param end the value after a ramp, finite and at least 0
     * @param steps the steps of all cycles together, at least {@code cycles}
     * @param cycles the number of cycles, at least 1
     * @param shape the curve of a ramp
     * @return the schedule
     */
    public static KlAnnealing cyclical(double end, long steps, long cycles, RampShape shape) {
        return new KlAnnealing(0, end, 0, steps, cycles, 0.5, 0, shape);
    }

    /**
     * This schedule with another start value.
     *
     * @param start the value at the beginning of a ramp, finite and at least 0
     * @return the schedule
     */
    public KlAnnealing withStart(double start) {
        return new KlAnnealing(start, end, delay, steps, cycles, ratio, hold, shape);
    }

    /**
     * This schedule with another delay.
     *
     * @param delay the steps before the first cycle, at least 0
     * @return the schedule
     */
    public KlAnnealing withDelay(long delay) {
        return new KlAnnealing(start, end, delay, steps, cycles, ratio, hold, shape);
    }

    /**
     * This schedule with another ratio.
     *
     * @param ratio the share of a cycle in which the weight rises, in [0, 1]
     * @return the schedule
     */
    public KlAnnealing withRatio(double ratio) {
        return new KlAnnealing(start, end, delay, steps, cycles, ratio, hold, shape);
    }

    /**
     * This schedule with another hold.
     *
     * @param hold the steps at the end value that follow each cycle, at least 0
     * @return the schedule
     */
    public KlAnnealing withHold(long hold) {
        return new KlAnnealing(start, end, delay, steps, cycles, ratio, hold, shape);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        if (step < delay) {
            return start;
        }
        long taken = step - delay;
        long length = steps + hold * cycles;
        if (taken >= length) {
            return end;
        }
        double phase = (double) (taken * cycles % length) / steps;
        if (phase >= ratio) {
            return end;
        }
        return start + (end - start) * shape.at(phase / ratio);
    }
}
