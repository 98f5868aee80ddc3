// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.schedule;

import dev.penumbra.vae.schedule.PeerKlSchedules.AnnealerShape;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The arguments of vae-annealing's constructor with the types of Python, and its checks. */
final class AnnealerArguments {

    private static final Set<String> NAMES =
            Set.of("total_steps", "shape", "baseline", "cyclical", "disable");

    private AnnealerArguments() {}

    static KlWeightSchedule schedule(Map<String, ?> arguments) {
        for (String name : arguments.keySet()) {
            if (!NAMES.contains(name)) {
                throw new IllegalArgumentException(
                        "arguments must be among " + new TreeSet<>(NAMES) + ", got " + name);
            }
        }
        return new AnnealerSchedule(
                totalSteps(arguments.get("total_steps")),
                shape(arguments.get("shape")),
                baseline(arguments.get("baseline")),
                flag("cyclical", arguments.get("cyclical")),
                flag("disable", arguments.get("disable")),
                new TreeMap<>());
    }

    private static IllegalArgumentException rejected(
            String name, String rule, @Nullable Object value) {
        return new IllegalArgumentException(name + " must be " + rule + ", got " + value);
    }

    private static long totalSteps(@Nullable Object value) {
        if (value instanceof Number number
                && (value instanceof Long || value instanceof Integer)
                && number.longValue() >= 1) {
            return number.longValue();
        }
        throw rejected("total_steps", "an integer greater than 0", value);
    }

    private static AnnealerShape shape(@Nullable Object value) {
        if (value == null) {
            return AnnealerShape.LINEAR;
        }
        for (AnnealerShape shape : AnnealerShape.values()) {
            if (shape.name().toLowerCase(Locale.ROOT).equals(value)) {
                return shape;
            }
        }
        throw rejected("shape", "one of 'linear', 'cosine', or 'logistic'", value);
    }

    private static double baseline(@Nullable Object value) {
        double baseline;
        if (value == null) {
            baseline = 0;
        } else if (value instanceof Number number) {
            baseline = number.doubleValue();
        } else {
            baseline = parsed(value);
        }
        if (!(baseline >= 0 && baseline <= 1)) {
            throw rejected("baseline", "a float between 0 and 1", value);
        }
        return baseline;
    }

    private static double parsed(Object value) {
        try {
            return Double.parseDouble(String.valueOf(value));
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    private static boolean flag(String name, @Nullable Object value) {
        if (value == null) {
            return false;
        }
        if (value instanceof Boolean flag) {
            return flag;
        }
        throw rejected(name, "a boolean", value);
    }
}
