// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import dev.penumbra.vae.schedule.LibrarySchedules.AnnealerShape;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.DoubleUnaryOperator;
import org.jspecify.annotations.Nullable;

/** What recorded cases have of other libraries that no user needs: their mistakes. */
final class LibraryDefects {

    private LibraryDefects() {}

    /** vae-annealing's counter after calls of step() with calls of set_cyclical in between. */
    static long counter(long total, boolean first, SortedMap<Long, Boolean> set, long steps) {
        boolean cyclical = first;
        long current = 0;
        for (long call = 0; call < steps; call++) {
            cyclical = set.getOrDefault(call, cyclical);
            if (current < total) {
                current++;
            }
            if (cyclical && current >= total) {
                current = 0;
            }
        }
        return current;
    }

    /** vae-annealing's constructor: the types of Python. */
    static void construct(Map<String, Object> arguments) {
        if (!(arguments.get("total_steps") instanceof Long total && total >= 1)) {
            throw rejected("total_steps", "an integer greater than 0");
        }
        Object shape = arguments.getOrDefault("shape", "linear");
        if (Arrays.stream(AnnealerShape.values())
                .noneMatch(s -> s.name().toLowerCase(Locale.ROOT).equals(shape))) {
            throw rejected("shape", "one of 'linear', 'cosine', or 'logistic'");
        }
        double baseline = Double.parseDouble(String.valueOf(arguments.getOrDefault("baseline", 0)));
        if (!(baseline >= 0 && baseline <= 1)) {
            throw rejected("baseline", "a float between 0 and 1");
        }
        for (String flag : new String[] {"cyclical", "disable"}) {
            if (!(arguments.getOrDefault(flag, false) instanceof Boolean)) {
                throw rejected(flag, "a boolean");
            }
        }
        LibrarySchedules.annealer(
                total,
                AnnealerShape.valueOf(shape.toString().toUpperCase(Locale.ROOT)),
                baseline,
                false);
    }

    private static IllegalArgumentException rejected(String name, String rule) {
        return new IllegalArgumentException(name + " must be " + rule);
    }

    /**
     * The lists of cyclical_annealing, one weight per iteration, whose increments add up.
     *
     * @param fill what the list holds where no ramp wrote
     * @param shape what is written for the running value; null for the value itself, which alone
     *     stops at the end of the list
     */
    static double[] frange(
            double[] startAndStop,
            int length,
            long cycles,
            double ratio,
            double fill,
            @Nullable DoubleUnaryOperator shape) {
        double[] list = new double[length];
        Arrays.fill(list, fill);
        double period = (double) length / cycles;
        double increment = (startAndStop[1] - startAndStop[0]) / (period * ratio);
        for (long cycle = 0; cycle < cycles; cycle++) {
            double value = startAndStop[0];
            for (int i = 0; value <= startAndStop[1]; i++) {
                long index = (long) (i + cycle * period);
                if (index >= length) {
                    if (shape == null) {
                        break;
                    }
                    throw new IndexOutOfBoundsException("list assignment index out of range");
                }
                list[(int) index] = shape == null ? value : shape.applyAsDouble(value);
                value += increment;
            }
        }
        return list;
    }

    /** The language model of cyclical_annealing, which adds an increment before each batch. */
    static double ptb(long batches, long cycle, long warmup, long step) {
        double increment = 1.0 / (warmup * batches);
        double weight = 0.1;
        for (long i = step % (cycle * batches); i >= 0 && weight < 1; i--) {
            weight = Math.min(1, weight + increment);
        }
        return weight;
    }
}
