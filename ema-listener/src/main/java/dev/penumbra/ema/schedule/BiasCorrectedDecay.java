// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * The decay that makes an average equal to a zero-initialised one divided by its bias.
 *
 * <p>\[ \beta_t = \beta \frac{1 - \beta^{t-1}}{1 - \beta^t} \]
 *
 * <p>With \( m_t = \beta m_{t-1} + (1 - \beta) \theta_t \) and \( m_0 = 0 \) the average is \( m_t
 * / (1 - \beta^t) \), so the first step copies and no later one depends on the initial weights.
 *
 * @param decay the decay \(\beta\) that is approached, in [0, 1)
 * @see <a href="https://arxiv.org/abs/1412.6980">Kingma and Ba (2015), Adam: A Method for
 *     Stochastic Optimization</a>, section 3
 */
public record BiasCorrectedDecay(double decay) implements DecaySchedule {

    /** Checks the decay. */
    public BiasCorrectedDecay {
        Arguments.requireDecay(decay);
    }

    @Override
    public double decayAt(long step) {
        if (step <= 1) {
            Arguments.requireStep(step);
            return 0;
        }
        double weight = weightAt(step);
        return weight < 0.5 ? 1 - weight : decay * settled(step - 1) / settled(step);
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireStep(step);
        return step <= 1 ? 1 : (1 - decay) / settled(step);
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        return from == 0 ? 0 : Math.pow(decay, (double) (to - from)) * settled(from) / settled(to);
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        return from == 0 ? 1 : settled(to - from) / settled(to);
    }

    /** The sum of the weights of a zero-initialised average after a step of at least 1. */
    private double settled(long step) {
        return Shares.complementOfExp(step * Math.log(decay));
    }
}
