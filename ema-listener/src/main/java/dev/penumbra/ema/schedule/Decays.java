// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * Decays that change with the step by a formula, each with its source.
 *
 * <p>In every formula \(t\) is the step, of which the first is 1. Schedules that are values of
 * their own are {@link ConstantDecay}, {@link ArithmeticMean} and {@link PowerFunction}; the
 * methods of {@link DecaySchedule} combine all of them.
 */
public final class Decays {

    private Decays() {}

    /**
     * A decay that rises from 0 towards 1 as the inverse power of the step with the exponent 2/3,
     * up to a final value.
     *
     * @param decay the final decay, in [0, 1]; 1 has no final decay
     * @return the schedule
     * @see #inversePower(double, double, double, double, long)
     */
    public static DecaySchedule inversePower(double decay) {
        return inversePower(decay, 1, 2.0 / 3);
    }

    /**
     * A decay that rises from 0 as an inverse power of the step, from the first step on and without
     * a least decay.
     *
     * @param decay the final decay, in [0, 1]; 1 has no final decay
     * @param gamma the scale of the steps, finite and above 0
     * @param power the speed, finite and above 0
     * @return the schedule
     * @see #inversePower(double, double, double, double, long)
     */
    public static DecaySchedule inversePower(double decay, double gamma, double power) {
        return inversePower(decay, gamma, power, 0, 0);
    }

    /**
     * A decay that rises from 0 towards its final value, so that an average of few steps is an
     * average of recent weights.
     *
     * <p>With \( s = t - \text{startAfter} - 1 \) the decay is 0 for \( s \le 0 \) and otherwise
     *
     * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, 1 - (1 + s / \gamma)^{-p} \right)
     * \right) \]
     *
     * <p>These are the semantics of timm's {@code ModelEmaV3} with {@code use_warmup}, whose
     * defaults are a decay of 0.9999, \(\gamma\) = 1 and \(p\) = 2/3. A power of 2/3 suits runs of
     * a million steps (0.999 after 31,600 steps), 3/4 shorter ones (0.999 after 10,000).
     *
     * @param decay the final decay \(\beta\), in [0, 1]; 1 has no final decay
     * @param gamma the scale of the steps \(\gamma\), finite and above 0
     * @param power the speed \(p\), finite and above 0
     * @param minDecay the least decay \(\beta_{\min}\) once averaging has begun, in [0, 1); it wins
     *     over a smaller final decay
     * @param startAfter the number of steps before the copy that starts the average, at least 0
     * @return the schedule
     * @see <a href="https://github.com/huggingface/pytorch-image-models">Wightman, PyTorch Image
     *     Models (timm)</a>, {@code timm/utils/model_ema.py}
     */
    public static DecaySchedule inversePower(
            double decay, double gamma, double power, double minDecay, long startAfter) {
        return new InversePowerWarmup(decay, gamma, power, minDecay, startAfter);
    }

    /**
     * The decay of {@link #inversePower(double, double, double, double, long)} with every operation
     * rounded to float32, for the same bits as ema-pytorch.
     *
     * <p>The final decay wins over a greater least decay. In float32 a decay of 0.9999 is
     * 0.99989998340606689.
     *
     * @param decay the final decay, in [0, 1)
     * @param gamma the scale of the steps, finite and above 0
     * @param power the speed, finite and above 0
     * @param minDecay the least decay once averaging has begun, in [0, 1)
     * @param startAfter the number of steps before the copy that starts the average, at least 0
     * @return the schedule
     * @see <a href="https://github.com/lucidrains/ema-pytorch">Wang, ema-pytorch</a>, {@code
     *     get_current_decay}
     */
    public static DecaySchedule inversePowerInFloat32(
            double decay, double gamma, double power, double minDecay, long startAfter) {
        return new SinglePrecisionWarmup(decay, gamma, power, minDecay, startAfter);
    }

    /**
     * A decay that rises as the ratio (1 + t) / (10 + t) up to a final value.
     *
     * @param decay the final decay, in [0, 1]; 1 has no final decay
     * @return the schedule
     * @see #ratio(double, double, double)
     */
    public static DecaySchedule ratio(double decay) {
        return ratio(decay, 0, 10);
    }

    /**
     * A decay that rises as a ratio of the steps, so that early averages are short.
     *
     * <p>\[ \beta_t = \max\left(\beta_{\min}, \min\left(\beta, \frac{1 + t}{c + t}\right)\right) \]
     *
     * <p>With the usual offset \(c\) of 10 a decay of 0.999 is reached after 8990 steps and one of
     * 0.9999 after 89,990.
     *
     * @param decay the final decay \(\beta\), in [0, 1]; 1 has no final decay
     * @param minDecay the least decay \(\beta_{\min}\), in [0, 1); it wins over a smaller final
     *     decay
     * @param offset the offset \(c\), finite and at least 1
     * @return the schedule
     * @see <a href="https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage">
     *     TensorFlow's ExponentialMovingAverage</a> with {@code num_updates}
     */
    public static DecaySchedule ratio(double decay, double minDecay, double offset) {
        return new RatioWarmup(decay, minDecay, offset);
    }

    /**
     * A decay that approaches its final value exponentially.
     *
     * <p>\[ \beta_t = \beta (1 - e^{-t / \tau}) \]
     *
     * @param decay the final decay \(\beta\), in [0, 1]
     * @param tau the time constant \(\tau\) of the approach in steps, finite and above 0
     * @return the schedule
     * @see <a href="https://github.com/ultralytics/ultralytics">Jocher et al., Ultralytics
     *     YOLO</a>, {@code ModelEMA}, with 0.9999 and 2000
     */
    public static DecaySchedule exponential(double decay, double tau) {
        return new ExponentialWarmup(decay, tau);
    }

    /**
     * A decay that moves from one value to another by a constant amount per step.
     *
     * <p>\[ \beta_t = b_0 + (b_1 - b_0)\, t / T \]
     *
     * <p>for \( t \le T \), and \( b_1 \) afterwards.
     *
     * @param from the decay \(b_0\) at step 0, in [0, 1]
     * @param to the decay \(b_1\) from step \(T\) on, in [0, 1]
     * @param steps the number of steps \(T\), at least 1
     * @return the schedule
     * @see <a href="https://arxiv.org/abs/2202.03555">Baevski et al. (2022), data2vec: A General
     *     Framework for Self-supervised Learning in Speech, Vision and Language</a>, whose teacher
     *     has such a decay
     */
    public static DecaySchedule linear(double from, double to, long steps) {
        return new LinearWarmup(from, to, steps);
    }

    /**
     * A decay that moves in two straight lines: to a middle value and from there to the final one.
     *
     * <p>\[ \beta_t = b_0 + (b_1 - b_0)\, t / T_1 \quad (t \le T_1), \qquad \beta_t = b_1 + (b_2 -
     * b_1)(t - T_1) / T_2 \quad (T_1 \lt t \le T_1 + T_2) \]
     *
     * <p>and \( b_2 \) afterwards. Such a warmup is passed on in notes of practitioners; no paper
     * is known that defines it. One straight line is {@link #linear}, which has a source.
     *
     * @param from the decay \(b_0\) at step 0, in [0, 1]
     * @param middle the decay \(b_1\) at step \(T_1\), in [0, 1]
     * @param to the decay \(b_2\) from step \(T_1 + T_2\) on, in [0, 1]
     * @param firstSteps the number of steps \(T_1\), at least 1
     * @param secondSteps the number of steps \(T_2\), at least 1
     * @return the schedule
     */
    public static DecaySchedule twoStage(
            double from, double middle, double to, long firstSteps, long secondSteps) {
        return new TwoStageWarmup(from, middle, to, firstSteps, secondSteps);
    }

    /**
     * A decay that moves from one value to another along half a cosine.
     *
     * <p>\[ \beta_t = b_1 - (b_1 - b_0) \frac{1 + \cos(\pi t / T)}{2} \]
     *
     * <p>for \( t \le T \), and \( b_1 \) afterwards. Teachers of self-supervised learning rise to
     * 1, where the average rests.
     *
     * @param from the decay \(b_0\) at step 0, in [0, 1]
     * @param to the decay \(b_1\) from step \(T\) on, in [0, 1]
     * @param steps the number of steps \(T\), at least 1
     * @return the schedule
     * @see <a href="https://arxiv.org/abs/2006.07733">Grill et al. (2020), Bootstrap Your Own
     *     Latent</a>, section 3.2
     */
    public static DecaySchedule cosine(double from, double to, long steps) {
        return new CosineSchedule(from, to, steps);
    }

    /**
     * A decay that moves from one value to another by a constant factor per step.
     *
     * <p>\[ \beta_t = b_1 (b_0 / b_1)^{1 - t / T} \]
     *
     * <p>for \( t \le T \), and \( b_1 \) afterwards. It is the warmup {@code exp} of Switch EMA's
     * hook.
     *
     * @param from the decay \(b_0\) at step 0, in (0, 1]
     * @param to the decay \(b_1\) from step \(T\) on, in (0, 1]
     * @param steps the number of steps \(T\), at least 1
     * @return the schedule
     * @see <a href="https://arxiv.org/abs/2402.09240">Li et al. (2024), Switch EMA: A Free Lunch
     *     for Better Flatness and Sharpness</a>, whose code it is
     */
    public static DecaySchedule geometric(double from, double to, long steps) {
        return new GeometricWarmup(from, to, steps);
    }

    /**
     * A decay that rises from a copy to its final value as the weight falls with the inverse of the
     * step.
     *
     * <p>\[ \beta_t = 1 - \max\left(1 - \beta, \frac{\gamma}{\gamma + t - 1}\right) \]
     *
     * <p>With \(\gamma = 1\) it is the arithmetic mean until the final decay is reached.
     *
     * @param decay the final decay \(\beta\), in [0, 1]
     * @param gamma the scale of the steps \(\gamma\), finite and above 0
     * @return the schedule
     * @see <a href="https://github.com/open-mmlab/mmengine">MMEngine</a>, {@code
     *     MomentumAnnealingEMA}, with 0.9998 and 100
     */
    public static DecaySchedule momentumAnnealing(double decay, double gamma) {
        return new MomentumAnnealing(decay, gamma);
    }

    /**
     * A decay of a half-life that is at most a share of the run so far.
     *
     * <p>\[ \beta_t = 2^{-1 / \min(h,\, r t)} \]
     *
     * <p>The first steps of a run then leave the average as the run grows; without a greatest
     * half-life the averaging window grows in proportion to the run.
     *
     * @param halfLife the greatest half-life \(h\) in steps, above 0; infinity for none
     * @param ratio the half-life as a share \(r\) of the steps so far, finite and above 0
     * @return the schedule
     * @see <a href="https://arxiv.org/abs/2206.00364">Karras et al. (2022), Elucidating the Design
     *     Space of Diffusion-Based Generative Models</a>, appendix F.2
     */
    public static DecaySchedule halfLifeRampUp(double halfLife, double ratio) {
        return new HalfLifeRampUp(halfLife, ratio);
    }

    /**
     * A decay whose weight falls with the square root of the step, so the averaging window grows
     * like it.
     *
     * <p>\[ \beta_t = 1 - 1 / \sqrt{t + 1} \]
     *
     * <p>The formula is passed on in notes of practitioners; no paper is known that defines it for
     * averages of weights. The decay \( 1 - t^{-c} \) is published for averages of squared
     * gradients.
     *
     * @return the schedule
     * @see <a href="https://arxiv.org/abs/1804.04235">Shazeer and Stern (2018), Adafactor: Adaptive
     *     Learning Rates with Sublinear Memory Cost</a>, section 7, for \( 1 - t^{-c} \)
     */
    public static DecaySchedule inverseSquareRoot() {
        return new InverseSquareRoot();
    }

    /**
     * The decay that makes an average equal to a zero-initialized one divided by its bias.
     *
     * <p>\[ \beta_t = \beta \frac{1 - \beta^{t-1}}{1 - \beta^t} \]
     *
     * <p>With \( m_t = \beta m_{t-1} + (1 - \beta) \theta_t \) and \( m_0 = 0 \) the average is \(
     * m_t / (1 - \beta^t) \), so the first step copies and no later one depends on the initial
     * weights.
     *
     * @param decay the decay \(\beta\) that is approached, in [0, 1)
     * @return the schedule
     * @see <a href="https://arxiv.org/abs/1412.6980">Kingma and Ba (2015), Adam: A Method for
     *     Stochastic Optimization</a>, section 3
     */
    public static DecaySchedule biasCorrected(double decay) {
        return new BiasCorrectedDecay(decay);
    }
}
