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

    /**
     * The decay at which the share of a step's weights halves in the given time.
     *
     * @param steps the half-life in steps, finite and above 0
     * @return the schedule
     */
    public static ConstantDecay ofHalfLife(double steps) {
        return new ConstantDecay(Decays.ofHalfLife(steps));
    }

    /**
     * The decay at which the share of a step's weights halves in the given time.
     *
     * @param span the half-life, above 0
     * @param size the size of the run
     * @return the schedule
     */
    public static ConstantDecay ofHalfLife(TrainingTime span, RunSize size) {
        return ofHalfLife(span.inSteps(size));
    }

    /**
     * The decay at which the share of a step's weights falls to 1/e in the given time.
     *
     * @param steps the time constant in steps, finite and above 0
     * @return the schedule
     */
    public static ConstantDecay ofTimeConstant(double steps) {
        return new ConstantDecay(Decays.ofTimeConstant(steps));
    }

    /**
     * The decay at which the share of a step's weights falls to 1/e in the given time.
     *
     * @param span the time constant, above 0
     * @param size the size of the run
     * @return the schedule
     */
    public static ConstantDecay ofTimeConstant(TrainingTime span, RunSize size) {
        return ofTimeConstant(span.inSteps(size));
    }

    @Override
    public double decayAt(long step) {
        Arguments.requireStep(step);
        return decay;
    }

    @Override
    public double decayOver(long from, long to) {
        Arguments.requireRange(from, to);
        return Math.pow(decay, (double) (to - from));
    }

    @Override
    public double weightOver(long from, long to) {
        Arguments.requireRange(from, to);
        return Shares.complementOfExp((double) (to - from) * Math.log(decay));
    }
}
