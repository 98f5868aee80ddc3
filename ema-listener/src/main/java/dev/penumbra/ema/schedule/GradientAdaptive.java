// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.schedule;

/** Stub. */
public record GradientAdaptive(double c) implements AveragingRule {
    /** Stub. */
    public double weightFor(double norm) {
        return c / Math.sqrt(1 + norm * norm);
    }
}
