// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

import java.util.Objects;

/**
 * A time of training in a unit that fits the purpose.
 *
 * @param amount the amount, finite and at least 0; a fraction in [0, 1]
 * @param unit the unit
 */
public record TrainingTime(double amount, Unit unit) {

    /** The units of training time. */
    public enum Unit {
        /** Optimizer steps. */
        STEPS,
        /** Training samples. */
        SAMPLES,
        /** Passes over the training data. */
        EPOCHS,
        /** The share of the whole run. */
        FRACTION
    }

    /** Checks the amount. */
    public TrainingTime {
        Objects.requireNonNull(unit, "unit");
        if (unit == Unit.FRACTION) {
            Arguments.requireClosedShare("fraction", amount);
        } else {
            Arguments.requireAtLeast("amount", 0, amount);
        }
    }

    /**
     * A time in optimizer steps.
     *
     * @param amount the number of steps, finite and at least 0
     * @return the time
     */
    public static TrainingTime steps(double amount) {
        return new TrainingTime(amount, Unit.STEPS);
    }

    /**
     * A time in training samples.
     *
     * @param amount the number of samples, finite and at least 0
     * @return the time
     */
    public static TrainingTime samples(double amount) {
        return new TrainingTime(amount, Unit.SAMPLES);
    }

    /**
     * A time in epochs.
     *
     * @param amount the number of epochs, finite and at least 0
     * @return the time
     */
    public static TrainingTime epochs(double amount) {
        return new TrainingTime(amount, Unit.EPOCHS);
    }

    /**
     * A time as a share of the run.
     *
     * @param amount the share, in [0, 1]
     * @return the time
     */
    public static TrainingTime fraction(double amount) {
        return new TrainingTime(amount, Unit.FRACTION);
    }

    /**
     * Returns the time in optimizer steps, which need not be a whole number.
     *
     * @param size the size of the run
     * @return the number of steps
     */
    public double inSteps(RunSize size) {
        return switch (unit) {
            case STEPS -> amount;
            case SAMPLES -> amount / size.samplesPerStep();
            case EPOCHS -> amount * size.stepsPerEpoch();
            case FRACTION -> amount * size.totalSteps();
        };
    }

    /** The time in whole optimizer steps, the nearest ones, a half upwards. */
    long nearestStep(RunSize size) {
        return Math.round(inSteps(size));
    }
}
