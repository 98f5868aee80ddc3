// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import dev.penumbra.ema.schedule.DecaySchedule;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * The settings of an average.
 *
 * @param schedule the decay at each step
 * @param buffers what happens to running statistics
 * @param include regular expressions; if there are any, only parameters whose name contains a match
 *     are averaged and the others are copied
 * @param exclude regular expressions; parameters whose name contains a match are copied
 * @param device where the average lives; null is where the online weights live
 */
public record EmaConfig(
        DecaySchedule schedule,
        Buffers buffers,
        List<String> include,
        List<String> exclude,
        @Nullable Device device) {

    /** What happens to running statistics, such as those of BatchNorm. */
    public enum Buffers {
        /** They are averaged like weights. */
        AVERAGE,
        /** They are the online model's. */
        COPY
    }

    /** Checks the patterns. */
    public EmaConfig {
        Objects.requireNonNull(schedule, "schedule");
        Objects.requireNonNull(buffers, "buffers");
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
        include.forEach(pattern -> requirePattern("include", pattern));
        exclude.forEach(pattern -> requirePattern("exclude", pattern));
    }

    /**
     * The settings with a schedule and all defaults: running statistics are averaged, nothing is
     * left out and the average lives beside the online weights.
     *
     * @param schedule the decay at each step
     * @return the settings
     */
    public static EmaConfig of(DecaySchedule schedule) {
        return new EmaConfig(schedule, Buffers.AVERAGE, List.of(), List.of(), null);
    }

    /** Tells whether the filters let a name be averaged. */
    boolean selects(String name) {
        boolean included =
                include.isEmpty() || include.stream().anyMatch(pattern -> contains(pattern, name));
        return included && exclude.stream().noneMatch(pattern -> contains(pattern, name));
    }

    private static boolean contains(String pattern, String name) {
        return Pattern.compile(pattern).matcher(name).find();
    }

    private static void requirePattern(String list, String pattern) {
        try {
            Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException(
                    list + " must be regular expressions, got " + pattern, e);
        }
    }
}
