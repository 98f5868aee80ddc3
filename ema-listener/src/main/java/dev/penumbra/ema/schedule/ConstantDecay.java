// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/**
 * The same decay at every step.
 *
 * @param decay the decay, in [0, 1)
 */
public record ConstantDecay(double decay) implements DecaySchedule {

    /** Checks the decay. */
    public ConstantDecay {
        Arguments.requireDecay(decay);
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return decay;
    }
}
