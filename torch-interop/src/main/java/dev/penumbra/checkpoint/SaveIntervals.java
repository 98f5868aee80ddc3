// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * When a checkpoint is due.
 *
 * @param steps after every so many optimizer steps; 0 for never
 * @param epochs after every so many epochs; 0 for never
 * @param time at the first step so long after the latest one; null for never
 */
record SaveIntervals(long steps, long epochs, @Nullable Duration time) {

    boolean isDueAtStep(long step, long nanosSinceLatest) {
        return (steps > 0 && step % steps == 0)
                || (time != null && nanosSinceLatest >= time.toNanos());
    }

    boolean isDueAtEpoch(long epoch) {
        return epochs > 0 && epoch % epochs == 0;
    }
}
