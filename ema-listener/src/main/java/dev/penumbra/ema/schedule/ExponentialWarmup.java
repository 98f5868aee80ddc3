// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that approaches its final value exponentially.
 *
 * <p>\[ \beta_t = \beta (1 - e^{-t / \tau}) \]
 *
 * @param decay the final decay \(\beta\), in [0, 1]
 * @param tau the time constant \(\tau\) of the approach in steps, finite and above 0
 * @see <a href="https://github.com/ultralytics/ultralytics">Jocher et al., Ultralytics YOLO</a>,
 *     {@code ModelEMA}, with 0.9999 and 2000
 */
public record ExponentialWarmup(double decay, double tau) implements DecaySchedule {

    /** Checks every component. */
    public ExponentialWarmup {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requirePositive("tau", tau);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return decay * (1 - Math.exp(-step / tau));
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return (1 - decay) + decay * Math.exp(-step / tau);
    }
}
