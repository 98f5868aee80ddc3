// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import dev.penumbra.examples.report.RunEvent.SeedEnded;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a run's log holds.
 *
 * <p>Seeds come in the order in which the first line names them. Where a resumed run has logged a
 * step or an epoch again, the later line counts.
 *
 * @param start the first line
 * @param seeds what was logged for each seed, one element for each seed of the first line
 * @param seconds the time that the whole run took, or null where the run was interrupted
 * @param cutOff whether the last line is only half there
 */
public record Run(
        RunEvent.Started start, List<SeedLog> seeds, @Nullable Double seconds, boolean cutOff) {

    /** Copies the list. */
    public Run {
        seeds = List.copyOf(seeds);
    }

    /**
     * What was logged for one seed.
     *
     * @param seed the seed
     * @param batches the measurements within epochs, by step
     * @param epochs the evaluated epochs, in order
     * @param end the comparison at the end, or null where the seed has not got there
     */
    public record SeedLog(
            int seed,
            List<RunEvent.Batch> batches,
            List<RunEvent.Epoch> epochs,
            @Nullable SeedEnded end) {

        /** Copies the lists. */
        public SeedLog {
            batches = List.copyOf(batches);
            epochs = List.copyOf(epochs);
        }

        /**
         * Returns the last evaluated epoch's number.
         *
         * @return the number, or 0 without an evaluated epoch
         */
        public int lastEpoch() {
            return epochs.isEmpty() ? 0 : epochs.get(epochs.size() - 1).epoch();
        }
    }
}
