// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.diagnostic;

import java.util.List;

/**
 * What the diagnostics have seen, in plain numbers.
 *
 * @param steps the latest steps, oldest first
 * @param finished the latest epoch that has ended; epoch 0 without steps before there is one
 * @param running the epoch that has not ended
 */
public record DiagnosticsReport(List<StepReport> steps, EpochReport finished, EpochReport running) {

    /** Copies the list. */
    public DiagnosticsReport {
        steps = List.copyOf(steps);
    }
}
