// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import dev.penumbra.internal.Arguments;

/**
 * The schedule of {@link Decays#inversePowerInFloat32}, with every operation rounded to float32.
 */
record SinglePrecisionWarmup(
        double decay, double gamma, double power, double minDecay, long startAfter)
        implements DecaySchedule {

    SinglePrecisionWarmup {
        Arguments.requireShare("decay", decay);
        Arguments.requirePositive("gamma", gamma);
        Arguments.requirePositive("power", power);
        Arguments.requireShare("minDecay", minDecay);
        Arguments.requireNotNegative("startAfter", startAfter);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireNotNegative("step", step);
        long s = step - startAfter - 1;
        if (s <= 0) {
            return 0;
        }
        float base = 1f + s / (float) gamma;
        float rising = 1f - (float) Math.pow(base, -power);
        return Math.min(Math.max(rising, (float) minDecay), (float) decay);
    }
}
