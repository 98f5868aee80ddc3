// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * A decay that rises from 0 towards its final value, so that an average of few steps is an average
 * of recent weights.
 *
 * <p>With \( s = t - \text{startAfter} - 1 \) the decay is 0 for \( s \le 0 \) and otherwise
 *
 * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, 1 - (1 + s / \gamma)^{-p} \right)
 * \right) \]
 *
 * <p>These are the semantics of timm's {@code ModelEmaV3} with {@code use_warmup}, whose defaults
 * are a decay of 0.9999, \(\gamma\) = 1 and \(p\) = 2/3. A power of 2/3 suits runs of a million
 * steps (0.999 after 31,600 steps), 3/4 shorter ones (0.999 after 10,000).
 *
 * @param decay the final decay \(\beta\), in [0, 1]; 1 has no final decay
 * @param gamma the scale of the steps \(\gamma\), finite and above 0
 * @param power the speed \(p\), finite and above 0
 * @param minDecay the least decay \(\beta_{\min}\) once averaging has begun, in [0, 1); it wins
 *     over a smaller final decay
 * @param startAfter the number of steps before the copy that starts the average, at least 0
 * @see <a href="https://github.com/huggingface/pytorch-image-models">Wightman, PyTorch Image Models
 *     (timm)</a>, {@code timm/utils/model_ema.py}
 */
public record InversePowerWarmup(
        double decay, double gamma, double power, double minDecay, long startAfter)
        implements DecaySchedule {

    /** Checks every component. */
    public InversePowerWarmup {
        Arguments.requireClosedShare("decay", decay);
        Arguments.requirePositive("gamma", gamma);
        Arguments.requirePositive("power", power);
        Arguments.requireShare("minDecay", minDecay);
        Arguments.requireNotNegative("startAfter", startAfter);
    }

    /**
     * A warmup from the first step without a least decay.
     *
     * @param decay the final decay, in [0, 1]
     * @param gamma the scale of the steps, finite and above 0
     * @param power the speed, finite and above 0
     */
    public InversePowerWarmup(double decay, double gamma, double power) {
        this(decay, gamma, power, 0, 0);
    }

    /**
     * A warmup with the scale 1 and the power 2/3.
     *
     * @param decay the final decay, in [0, 1]
     */
    public InversePowerWarmup(double decay) {
        this(decay, 1, 2.0 / 3);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return step - 1 <= startAfter ? 0 : Math.max(Math.min(1 - falling(step), decay), minDecay);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return step - 1 <= startAfter
                ? 1
                : Math.min(Math.max(falling(step), 1 - decay), 1 - minDecay);
    }

    private double falling(long step) {
        return Math.pow(1 + (step - 1 - startAfter) / gamma, -power);
    }
}
