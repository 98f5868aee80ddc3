// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.update;

/**
 * How an average \( \bar\theta \) moves by the weight \( w \) towards the online weights \( \theta
 * \). All are the same in exact arithmetic.
 */
public enum Arithmetic {
    /**
     * \( \bar\theta + w (\theta - \bar\theta) \), from the other end for \( w \ge 1/2 \): exact for
     * the weights 0 and 1 and for weights that do not change, except that a negative zero may
     * become a positive one.
     */
    LERP,
    /**
     * As {@link #LERP} with the rounding error of every step carried to the next (Kahan summation):
     * exact to a rounding for any number of steps, for twice the memory.
     */
    COMPENSATED,
    /**
     * \( \bar\theta - w (\bar\theta - \theta) \), for the same bits as diffusers. A weight of 1 is
     * no exact copy.
     */
    SUBTRACTION,
    /**
     * \( \bar\theta + (\theta - \bar\theta) / (1 / w) \), for the same bits as torch's and
     * mmengine's means on a CPU.
     */
    DIVISION
}
