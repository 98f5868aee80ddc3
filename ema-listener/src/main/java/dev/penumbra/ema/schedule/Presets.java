// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * Schedules that are good first choices for a kind of training.
 *
 * <p>Each is what the field publishes or ships for that kind; the source is named with it.
 */
public final class Presets {

    private Presets() {}

    /**
     * For runs of less than about 50,000 steps: a warmup that reaches 0.999 after 10,000 steps and
     * 0.9999 after 215,400.
     *
     * @return an inverse power warmup to 0.9999 with the power 3/4
     * @see <a href="https://github.com/crowsonkb/k-diffusion">Crowson, k-diffusion</a>, {@code
     *     EMAWarmup}, recommended for shorter runs
     */
    public static DecaySchedule shortTraining() {
        return Decays.inversePower(0.9999, 1, 0.75);
    }

    /**
     * For runs of hundreds of thousands of steps and more: a warmup that reaches 0.999 after 31,600
     * steps and 0.9999 after a million.
     *
     * @return an inverse power warmup to 0.9999 with the power 2/3
     * @see <a href="https://github.com/crowsonkb/k-diffusion">Crowson, k-diffusion</a>, {@code
     *     EMAWarmup}, recommended for long runs
     */
    public static DecaySchedule longTraining() {
        return Decays.inversePower(0.9999, 1, 2.0 / 3);
    }

    /**
     * For image classifiers.
     *
     * @return an inverse power warmup to 0.9998 with the power 2/3
     * @see <a href="https://github.com/huggingface/pytorch-image-models">Wightman, PyTorch Image
     *     Models (timm)</a>, {@code train.py}, whose default decay is 0.9998
     */
    public static DecaySchedule classification() {
        return Decays.inversePower(0.9998, 1, 2.0 / 3);
    }

    /**
     * For object detectors.
     *
     * @return an exponential warmup to 0.9999 with the time constant 2000
     * @see <a href="https://github.com/ultralytics/ultralytics">Jocher et al., Ultralytics
     *     YOLO</a>, {@code ModelEMA}
     */
    public static DecaySchedule detection() {
        return Decays.exponential(0.9999, 2000);
    }

    /**
     * For generative models: a window of a constant share of the run, so nothing is to be set for
     * its length.
     *
     * @return a power function of relative width 0.1
     * @see <a href="https://arxiv.org/abs/2312.02696">Karras et al. (2024), Analyzing and Improving
     *     the Training Dynamics of Diffusion Models</a>, whose two tracked widths are 0.05 and 0.1
     */
    public static DecaySchedule generative() {
        return PowerFunction.ofRelativeWidth(0.1);
    }

    /**
     * For target networks of reinforcement learning: soft updates with \(\tau = 0.005\).
     *
     * @return the constant decay 0.995
     * @see <a href="https://arxiv.org/abs/1801.01290">Haarnoja et al. (2018), Soft
     *     Actor-Critic</a>, table 1
     */
    public static DecaySchedule reinforcementTarget() {
        return new ConstantDecay(0.995);
    }

    /**
     * For teachers of self-supervised learning: 0.996 at the first step, 1 after the last one.
     *
     * @param totalSteps the optimizer steps of the whole run, at least 1
     * @return a cosine from 0.996 to 1
     * @see <a href="https://arxiv.org/abs/2104.14294">Caron et al. (2021), Emerging Properties in
     *     Self-Supervised Vision Transformers</a>, section 3.1
     */
    public static DecaySchedule selfSupervisedTeacher(long totalSteps) {
        return Decays.cosine(0.996, 1, totalSteps).shifted(-1);
    }
}
