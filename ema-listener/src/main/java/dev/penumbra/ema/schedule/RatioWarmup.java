// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that rises as a ratio of the steps, so that early averages are short.
 *
 * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, \frac{1 + t}{c + t}\right)\right) \]
 *
 * <p>With the usual offset \(c\) of 10 a decay of 0.999 is reached after 8990 steps and one of
 * 0.9999 after 89,990.
 *
 * @param decay the final decay \(\beta\), in [0, 1]; 1 has no final decay
 * @param minDecay the least decay \(\beta_{\min}\), in [0, 1); it wins over a smaller final decay
 * @param offset the offset \(c\), finite and at least 1
 * @see <a href="https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage">
 *     TensorFlow's ExponentialMovingAverage</a> with {@code num_updates}
 */
public record RatioWarmup(double decay, double minDecay, double offset) implements DecaySchedule {

    /** Checks every component. */
    public RatioWarmup {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requireShare("minDecay", minDecay);
        Arguments.requireAtLeast("offset", 1, offset);
    }

    /**
     * A warmup with the offset 10 without a least decay.
     *
     * @param decay the final decay, in [0, 1]
     */
    public RatioWarmup(double decay) {
        this(decay, 0, 10);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return Math.max(Math.min((1.0 + step) / (offset + step), decay), minDecay);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return Math.min(Math.max((offset - 1) / (offset + step), 1 - decay), 1 - minDecay);
    }
}
