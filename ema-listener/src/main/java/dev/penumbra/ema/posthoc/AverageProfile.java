// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.PowerFunction;
import java.util.Objects;

/**
 * What an average consists of: the share that the weights of each step have in it, given by a
 * schedule and the step at which the average is taken.
 *
 * <p>The weights of step \( u \) have the share \( w_u \prod_{v = u + 1}^{t} \beta_v \), the
 * initial weights, as step 0, \( \prod_{v = 1}^{t} \beta_v \). All shares together are 1.
 *
 * @param schedule the decay at each step
 * @param step the step \( t \) of the average, at least 1
 */
public record AverageProfile(DecaySchedule schedule, long step) {

    /** Checks the step. */
    public AverageProfile {
        Objects.requireNonNull(schedule, "schedule");
        if (step < 1) {
            throw new IllegalArgumentException("step must be at least 1, got " + step);
        }
    }

    /**
     * The power function profile with a relative width.
     *
     * @param width the standard deviation of the profile as a share of the steps so far, above 0
     *     and below \( 1/\sqrt{12} \)
     * @param step the step of the average, at least 1
     * @return the profile
     */
    public static AverageProfile ofRelativeWidth(double width, long step) {
        return new AverageProfile(PowerFunction.ofRelativeWidth(width), step);
    }

    /**
     * The power function profile with an exponent.
     *
     * @param exponent the exponent \( \gamma \), finite and at least 0
     * @param step the step of the average, at least 1
     * @return the profile
     */
    public static AverageProfile ofExponent(double exponent, long step) {
        return new AverageProfile(new PowerFunction(exponent), step);
    }
}
