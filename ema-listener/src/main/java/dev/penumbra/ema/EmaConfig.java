// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.Every;
import dev.penumbra.ema.schedule.StepInterval;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * The settings of one or several averages of a model.
 *
 * @param rules the rule of each average, by its name; the first one is the main average
 * @param groups other schedules for chosen parameters, in every average; the first match counts
 * @param treatments what happens to what is not trained
 * @param include regular expressions; if there are any, only parameters whose name contains a match
 *     are averaged and the others are copied
 * @param exclude regular expressions; parameters whose name contains a match are copied
 * @param precision the type of the averaged arrays
 * @param arithmetic how an average moves
 * @param nonFinite what happens to a step after which a weight is not a finite number
 * @param writeBack the steps after which the main average replaces the trained weights, as
 *     Lookahead and Switch-EMA do; null for never
 * @param device where the averages live; null is where the online weights live
 */
public record EmaConfig(
        Map<String, AveragingRule> rules,
        List<Group> groups,
        Treatments treatments,
        List<String> include,
        List<String> exclude,
        Precision precision,
        Arithmetic arithmetic,
        NonFinite nonFinite,
        @Nullable StepInterval writeBack,
        @Nullable Device device) {

    /** The name of the average where only one is set. */
    public static final String MAIN = "average";

    /**
     * A schedule for chosen parameters.
     *
     * @param pattern a regular expression; a parameter belongs to the group if its name contains a
     *     match
     * @param schedule the decay at each step
     */
    public record Group(String pattern, DecaySchedule schedule) {

        /** Checks the pattern. */
        public Group {
            requirePattern("pattern", pattern);
            Objects.requireNonNull(schedule, "schedule");
        }
    }

    /** The type of the averaged arrays. */
    public enum Precision {
        /** The type of the online weights, whatever it is. */
        ONLINE,
        /** At least float32: half-precision weights are averaged in float32. */
        FLOAT32,
        /** float64. */
        FLOAT64
    }

    /**
     * How an average \( \bar\theta \) moves by the weight \( w \) towards the online weights \(
     * \theta \). All are the same in exact arithmetic.
     */
    public enum Arithmetic {
        /**
         * \( \bar\theta + w (\theta - \bar\theta) \), from the other end for \( w \ge 1/2 \): exact
         * for the weights 0 and 1 and for weights that do not change, except that a negative zero
         * may become a positive one.
         */
        LERP,
        /**
         * As {@link #LERP} with the rounding error of every step carried to the next (Kahan
         * summation): exact to a rounding for any number of steps, for twice the memory.
         */
        COMPENSATED,
        /**
         * \( \bar\theta - w (\bar\theta - \theta) \), for the same bits as diffusers. A weight of 1
         * is no exact copy.
         */
        SUBTRACTION,
        /**
         * \( \bar\theta + (\theta - \bar\theta) / (1 / w) \), for the same bits as torch's and
         * mmengine's means on a CPU.
         */
        DIVISION
    }

    /** What happens to a step after which an online weight is infinite or not a number. */
    public enum NonFinite {
        /** The step leaves the averages as they are, is counted and told once in the log. */
        SKIP,
        /** The update throws an {@link ArithmeticException}; the averages are as they were. */
        FAIL,
        /** Nothing is checked. */
        OFF
    }

    /** Checks names and patterns. */
    public EmaConfig {
        rules = Collections.unmodifiableMap(new LinkedHashMap<>(rules));
        if (rules.isEmpty()) {
            throw new IllegalArgumentException("rules must have at least one average, got none");
        }
        rules.forEach(EmaConfig::requireRule);
        groups = List.copyOf(groups);
        Objects.requireNonNull(treatments, "treatments");
        include = List.copyOf(include);
        exclude = List.copyOf(exclude);
        include.forEach(pattern -> requirePattern("include", pattern));
        exclude.forEach(pattern -> requirePattern("exclude", pattern));
        Objects.requireNonNull(precision, "precision");
        Objects.requireNonNull(arithmetic, "arithmetic");
        Objects.requireNonNull(nonFinite, "nonFinite");
    }

    /**
     * The settings of one average with all defaults: running statistics are averaged, frozen
     * parameters and other buffers are copied, nothing is left out, float32 at least, steps with
     * non-finite weights are skipped, and the average lives beside the online weights.
     *
     * @param rule the rule of the average
     * @return the settings
     */
    public static EmaConfig of(AveragingRule rule) {
        return of(Map.of(MAIN, rule));
    }

    /**
     * Lookahead: every k steps the slow weights, which are the average, move towards the fast ones,
     * which are the online weights, and replace them. The state of the optimizer stays as it is.
     *
     * @param k the number of steps between two synchronizations, at least 1; 5 or 10 are usual
     * @param alpha the weight of the fast weights, in (0, 1]; 0.5 is usual
     * @return the settings
     * @see <a href="https://arxiv.org/abs/1907.08610">Zhang et al. (2019), Lookahead Optimizer: k
     *     steps forward, 1 step back</a>, algorithm 1
     */
    public static EmaConfig lookahead(long k, double alpha) {
        if (!(alpha > 0 && alpha <= 1)) {
            throw new IllegalArgumentException("alpha must be in (0, 1], got " + alpha);
        }
        StepInterval interval = new StepInterval(k);
        return of(new Every(interval, new ConstantDecay(1 - alpha), Every.Mode.UPDATE))
                .withWriteBack(interval);
    }

    /**
     * Switch-EMA: an average that replaces the trained weights at a fixed interval, usually once
     * per epoch. The state of the optimizer stays as it is.
     *
     * @param rule the rule of the average
     * @param every the number of steps between two replacements, at least 1
     * @return the settings
     * @see <a href="https://arxiv.org/abs/2402.09240">Li et al. (2024), Switch EMA: A Free Lunch
     *     for Better Flatness and Sharpness</a>
     */
    public static EmaConfig switchEma(AveragingRule rule, long every) {
        return of(rule).withWriteBack(new StepInterval(every));
    }

    /**
     * The settings of several averages with all defaults.
     *
     * @param rules the rule of each average, by its name; the first one is the main average
     * @return the settings
     */
    public static EmaConfig of(Map<String, AveragingRule> rules) {
        return new EmaConfig(
                rules,
                List.of(),
                Treatments.defaults(),
                List.of(),
                List.of(),
                Precision.FLOAT32,
                Arithmetic.LERP,
                NonFinite.SKIP,
                null,
                null);
    }

    /**
     * Returns these settings with other schedules for chosen parameters.
     *
     * @param others the groups, the first match counts
     * @return the settings
     */
    public EmaConfig withGroups(Group... others) {
        return new EmaConfig(
                rules,
                List.of(others),
                treatments,
                include,
                exclude,
                precision,
                arithmetic,
                nonFinite,
                writeBack,
                device);
    }

    /**
     * Returns these settings with another treatment of what is not trained.
     *
     * @param others the treatments
     * @return the settings
     */
    public EmaConfig withTreatments(Treatments others) {
        return new EmaConfig(
                rules,
                groups,
                others,
                include,
                exclude,
                precision,
                arithmetic,
                nonFinite,
                writeBack,
                device);
    }

    /**
     * Returns these settings with other filters of names.
     *
     * @param included regular expressions; empty for all
     * @param excluded regular expressions
     * @return the settings
     */
    public EmaConfig withFilters(List<String> included, List<String> excluded) {
        return new EmaConfig(
                rules,
                groups,
                treatments,
                included,
                excluded,
                precision,
                arithmetic,
                nonFinite,
                writeBack,
                device);
    }

    /**
     * Returns these settings with another type of the averaged arrays.
     *
     * @param other the precision
     * @return the settings
     */
    public EmaConfig withPrecision(Precision other) {
        return new EmaConfig(
                rules,
                groups,
                treatments,
                include,
                exclude,
                other,
                arithmetic,
                nonFinite,
                writeBack,
                device);
    }

    /**
     * Returns these settings with another way to move.
     *
     * @param other the arithmetic
     * @return the settings
     */
    public EmaConfig withArithmetic(Arithmetic other) {
        return new EmaConfig(
                rules,
                groups,
                treatments,
                include,
                exclude,
                precision,
                other,
                nonFinite,
                writeBack,
                device);
    }

    /**
     * Returns these settings with another treatment of weights that are not finite.
     *
     * @param other the policy
     * @return the settings
     */
    public EmaConfig withNonFinite(NonFinite other) {
        return new EmaConfig(
                rules,
                groups,
                treatments,
                include,
                exclude,
                precision,
                arithmetic,
                other,
                writeBack,
                device);
    }

    /**
     * Returns these settings with the averages on a device.
     *
     * @param other the device; null is where the online weights live
     * @return the settings
     */
    public EmaConfig withDevice(@Nullable Device other) {
        return new EmaConfig(
                rules,
                groups,
                treatments,
                include,
                exclude,
                precision,
                arithmetic,
                nonFinite,
                writeBack,
                other);
    }

    /**
     * Returns these settings with a main average that replaces the trained weights at some steps.
     *
     * @param steps the steps after which it does; null for never
     * @return the settings
     */
    public EmaConfig withWriteBack(@Nullable StepInterval steps) {
        return new EmaConfig(
                rules,
                groups,
                treatments,
                include,
                exclude,
                precision,
                arithmetic,
                nonFinite,
                steps,
                device);
    }

    /** Tells whether the filters let a name be averaged. */
    boolean selects(String name) {
        boolean included =
                include.isEmpty() || include.stream().anyMatch(pattern -> contains(pattern, name));
        return included && exclude.stream().noneMatch(pattern -> contains(pattern, name));
    }

    /** Returns the schedule of the first group that a name belongs to. */
    @Nullable DecaySchedule groupOf(String name) {
        return groups.stream()
                .filter(group -> contains(group.pattern(), name))
                .map(Group::schedule)
                .findFirst()
                .orElse(null);
    }

    private static boolean contains(String pattern, String name) {
        return Pattern.compile(pattern).matcher(name).find();
    }

    private static void requireRule(String name, AveragingRule rule) {
        Objects.requireNonNull(rule, name);
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
            throw new IllegalArgumentException(
                    "names of averages must be letters, digits, '.', '_' and '-', got " + name);
        }
        if (name.equals("model")) {
            throw new IllegalArgumentException(
                    "names of averages must not be 'model', which names the online weights");
        }
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
