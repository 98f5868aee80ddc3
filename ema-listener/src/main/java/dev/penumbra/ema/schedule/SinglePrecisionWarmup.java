// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * {@link InversePowerWarmup} with every operation rounded to float32, for the same bits as
 * ema-pytorch.
 *
 * <p>The final decay wins over a greater least decay. In float32 a decay of 0.9999 is
 * 0.99989998340606689.
 *
 * @param decay the final decay, in [0, 1)
 * @param gamma the scale of the steps, finite and above 0
 * @param power the speed, finite and above 0
 * @param minDecay the least decay once averaging has begun, in [0, 1)
 * @param startAfter the number of steps before the copy that starts the average, at least 0
 * @see <a href="https://github.com/lucidrains/ema-pytorch">Wang, ema-pytorch</a>, {@code
 *     get_current_decay}
 */
public record SinglePrecisionWarmup(
        double decay, double gamma, double power, double minDecay, long startAfter)
        implements DecaySchedule {

    /** Checks every component. */
    public SinglePrecisionWarmup {
        Arguments.requireDecay(decay);
        Arguments.requirePositive("gamma", gamma);
        Arguments.requirePositive("power", power);
        Arguments.requireShare("minDecay", minDecay);
        Arguments.requireNotNegative("startAfter", startAfter);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        long s = step - startAfter - 1;
        if (s <= 0) {
            return 0;
        }
        float base = 1f + s / (float) gamma;
        float rising = 1f - (float) Math.pow(base, -power);
        return Math.min(Math.max(rising, (float) minDecay), (float) decay);
    }
}
