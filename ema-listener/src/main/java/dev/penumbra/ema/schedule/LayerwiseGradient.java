// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/** Stub. */
public record LayerwiseGradient(DecaySchedule schedule) implements AveragingRule {
    /** Stub. */
    public double[] weightsFor(long step, double[] norms) {
        return norms;
    }
}
