// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * vae-annealing's {@code Annealer} after a number of calls of {@code step()}.
 *
 * @param totalSteps {@code total_steps}
 * @param shape {@code shape}
 * @param baseline {@code baseline}
 * @param cyclical {@code cyclical}
 * @param disable {@code disable}
 * @param setCyclical calls of {@code set_cyclical} by the number of steps before them
 */
record AnnealerSchedule(
        long totalSteps,
        PeerKlSchedules.AnnealerShape shape,
        double baseline,
        boolean cyclical,
        boolean disable,
        SortedMap<Long, Boolean> setCyclical)
        implements PeerSchedule {

    AnnealerSchedule {
        Arguments.requireCount("total_steps", totalSteps);
        Objects.requireNonNull(shape, "shape");
        Arguments.requireShare("baseline", baseline);
        setCyclical = Collections.unmodifiableSortedMap(new TreeMap<>(setCyclical));
        if (!setCyclical.isEmpty()) {
            Arguments.requireNotNegative("set_cyclical", setCyclical.firstKey());
        }
    }

    @Override
    public double weightAt(long step) {
        Arguments.requireNotNegative("step", step);
        if (disable) {
            return 1;
        }
        return height(currentStep(step)) * (1 - baseline) + baseline;
    }

    /** The library's counter, one stretch of the same setting after the other. */
    private long currentStep(long step) {
        boolean cycles = cyclical;
        long current = 0;
        long done = 0;
        for (Map.Entry<Long, Boolean> change : setCyclical.entrySet()) {
            long until = Math.min(change.getKey(), step);
            current = advance(current, until - done, cycles);
            done = until;
            cycles = change.getValue();
        }
        return advance(current, step - done, cycles);
    }

    private long advance(long current, long calls, boolean cycles) {
        if (!cycles || calls == 0) {
            return Math.min(current + calls, totalSteps);
        }
        // A counter that already stands at the end goes to 0 in one call, as if it stood before it.
        return (Math.min(current, totalSteps - 1) + calls) % totalSteps;
    }

    private double height(long current) {
        double total = totalSteps;
        return switch (shape) {
            case LINEAR -> current / total;
            case COSINE -> (RoundedMath.cos(Math.PI * (current / total - 1)) + 1) / 2;
            case LOGISTIC -> 1 / (1 + exponential(total / 2 - current));
        };
    }

    private static double exponential(double exponent) {
        double value = RoundedMath.exp(exponent);
        if (Double.isInfinite(value)) {
            throw new ArithmeticException("math range error");
        }
        return value;
    }
}
