// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.ConstantDecay;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.StepInterval;
import dev.penumbra.ema.update.Arithmetic;
import dev.penumbra.ema.update.NonFinite;
import dev.penumbra.ema.update.Precision;
import dev.penumbra.ema.update.Treatments;
import dev.penumbra.ema.update.internal.UpdateSettings;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;
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
        @Nullable Device device)
        implements UpdateSettings {

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
        return builder()
                .setSchedule(new ConstantDecay(1 - alpha).everyCountingUpdates(interval))
                .optWriteBack(interval)
                .build();
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
        return builder().setSchedule(rule).optWriteBack(new StepInterval(every)).build();
    }

    /**
     * The settings of several averages with all defaults.
     *
     * @param rules the rule of each average, by its name; the first one is the main average
     * @return the settings
     */
    public static EmaConfig of(Map<String, AveragingRule> rules) {
        Builder builder = builder();
        rules.forEach(builder::setAverage);
        return builder.build();
    }

    /**
     * Creates a builder.
     *
     * @return the builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Creates a builder that begins with these settings.
     *
     * @return the builder
     */
    public Builder toBuilder() {
        return new Builder().setConfig(this);
    }

    @Override
    public int count() {
        return rules.size();
    }

    @Override
    public boolean selects(String name) {
        boolean included =
                include.isEmpty() || include.stream().anyMatch(pattern -> contains(pattern, name));
        return included && exclude.stream().noneMatch(pattern -> contains(pattern, name));
    }

    @Override
    public @Nullable DecaySchedule groupOf(String name) {
        return groups.stream()
                .filter(group -> contains(group.pattern(), name))
                .map(Group::schedule)
                .findFirst()
                .orElse(null);
    }

    /** Returns the patterns that no name contains a match of. */
    List<String> withoutMatch(Collection<String> names) {
        return Stream.of(groups.stream().map(Group::pattern), include.stream(), exclude.stream())
                .flatMap(patterns -> patterns)
                .filter(pattern -> names.stream().noneMatch(name -> contains(pattern, name)))
                .toList();
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

    /**
     * What every builder of averages has.
     *
     * @param <T> the type of the builder
     */
    public abstract static class BaseBuilder<T extends BaseBuilder<T>> {

        private final Map<String, AveragingRule> rules = new LinkedHashMap<>();
        private final List<EmaConfig.Group> groups = new ArrayList<>();
        private Treatments treatments = Treatments.defaults();
        private final List<String> include = new ArrayList<>();
        private final List<String> exclude = new ArrayList<>();
        private Precision precision = Precision.FLOAT32;
        private Arithmetic arithmetic = Arithmetic.LERP;
        private NonFinite nonFinite = NonFinite.SKIP;
        private @Nullable StepInterval writeBack;
        private @Nullable Device device;

        BaseBuilder() {}

        abstract T self();

        /**
         * Sets the rule of the only average, which is named {@value EmaConfig#MAIN}.
         *
         * @param rule the decay at each step
         * @return this builder
         */
        public T setSchedule(AveragingRule rule) {
            return setAverage(MAIN, rule);
        }

        /**
         * Sets the rule of an average; call it once for each. The first one is the main average.
         * All are moved in one pass over the online weights.
         *
         * @param name the name: letters, digits, '.', '_' and '-'
         * @param rule the decay at each step
         * @return this builder
         * @throws IllegalArgumentException if there is an average of that name
         */
        public T setAverage(String name, AveragingRule rule) {
            if (rules.putIfAbsent(name, Objects.requireNonNull(rule, "rule")) != null) {
                throw new IllegalArgumentException(
                        "names of averages must differ, got '" + name + "' twice");
            }
            return self();
        }

        /**
         * Takes all settings of the averages from an object, in place of what was set before.
         *
         * @param config the settings
         * @return this builder
         */
        public T setConfig(EmaConfig config) {
            rules.clear();
            rules.putAll(config.rules());
            groups.clear();
            groups.addAll(config.groups());
            treatments = config.treatments();
            include.clear();
            include.addAll(config.include());
            exclude.clear();
            exclude.addAll(config.exclude());
            precision = config.precision();
            arithmetic = config.arithmetic();
            nonFinite = config.nonFinite();
            writeBack = config.writeBack();
            device = config.device();
            return self();
        }

        /**
         * Gives parameters whose name contains a match of a pattern another schedule, in every
         * average. The first pattern that matches counts. Default: all follow the rule of the
         * average.
         *
         * @param pattern a regular expression
         * @param schedule the decay at each step
         * @return this builder
         */
        public T optGroup(String pattern, DecaySchedule schedule) {
            groups.add(new Group(pattern, schedule));
            return self();
        }

        /**
         * Sets what happens to running statistics. Default: they are averaged.
         *
         * @param treatment the treatment
         * @return this builder
         */
        public T optStatistics(Treatments.Treatment treatment) {
            treatments = new Treatments(treatment, treatments.frozen(), treatments.otherBuffers());
            return self();
        }

        /**
         * Sets what happens to frozen parameters. Default: they are copied.
         *
         * @param treatment the treatment, AVERAGE or COPY
         * @return this builder
         */
        public T optFrozen(Treatments.Treatment treatment) {
            treatments =
                    new Treatments(treatments.statistics(), treatment, treatments.otherBuffers());
            return self();
        }

        /**
         * Sets what happens to buffers other than running statistics. Default: they are copied.
         *
         * @param treatment the treatment, AVERAGE or COPY
         * @return this builder
         */
        public T optOtherBuffers(Treatments.Treatment treatment) {
            treatments = new Treatments(treatments.statistics(), treatments.frozen(), treatment);
            return self();
        }

        /**
         * Sets what happens to everything that is not trained at once.
         *
         * @param treatments the treatments
         * @return this builder
         */
        public T optTreatments(Treatments treatments) {
            this.treatments = Objects.requireNonNull(treatments, "treatments");
            return self();
        }

        /**
         * Averages only parameters whose name contains a match of one of these patterns; the others
         * are copied. Default: all.
         *
         * @param patterns regular expressions
         * @return this builder
         */
        public T optInclude(String... patterns) {
            include.addAll(List.of(patterns));
            return self();
        }

        /**
         * Copies parameters whose name contains a match of one of these patterns. Default: none.
         *
         * @param patterns regular expressions
         * @return this builder
         */
        public T optExclude(String... patterns) {
            exclude.addAll(List.of(patterns));
            return self();
        }

        /**
         * Sets the type of the averaged arrays. Default: at least float32.
         *
         * @param precision the precision
         * @return this builder
         */
        public T optPrecision(Precision precision) {
            this.precision = Objects.requireNonNull(precision, "precision");
            return self();
        }

        /**
         * Sets how an average moves. Default: by linear interpolation.
         *
         * @param arithmetic the arithmetic
         * @return this builder
         */
        public T optArithmetic(Arithmetic arithmetic) {
            this.arithmetic = Objects.requireNonNull(arithmetic, "arithmetic");
            return self();
        }

        /**
         * Sets what happens to a step after which a weight is infinite or not a number. Default: it
         * is skipped.
         *
         * @param nonFinite the policy
         * @return this builder
         */
        public T optNonFinite(NonFinite nonFinite) {
            this.nonFinite = Objects.requireNonNull(nonFinite, "nonFinite");
            return self();
        }

        /**
         * Replaces the trained weights by the main average after some steps, as Switch-EMA does;
         * this is the one option that changes the training. Default: never.
         *
         * @param steps the steps; null for never
         * @return this builder
         * @see EmaConfig#switchEma
         * @see EmaConfig#lookahead
         */
        public T optWriteBack(@Nullable StepInterval steps) {
            writeBack = steps;
            return self();
        }

        /**
         * Sets where the averages live. Default: beside the online weights.
         *
         * @param device the device; null is beside the online weights
         * @return this builder
         */
        public T optDevice(@Nullable Device device) {
            this.device = device;
            return self();
        }

        EmaConfig config() {
            if (rules.isEmpty()) {
                throw new IllegalArgumentException("schedule must be set, got null");
            }
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
                    device);
        }
    }

    /** The builder of {@link EmaConfig}. */
    public static final class Builder extends BaseBuilder<Builder> {

        private Builder() {}

        @Override
        Builder self() {
            return this;
        }

        /**
         * Builds the settings.
         *
         * @return the settings
         * @throws IllegalArgumentException if no schedule is set or a pattern is not a regular
         *     expression
         */
        public EmaConfig build() {
            return config();
        }
    }
}
