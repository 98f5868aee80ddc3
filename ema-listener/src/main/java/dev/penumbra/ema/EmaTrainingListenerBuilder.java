// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.Device;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.ema.schedule.StepInterval;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The builder of an {@link EmaTrainingListener}. */
public final class EmaTrainingListenerBuilder {

    private final Map<String, AveragingRule> rules = new LinkedHashMap<>();
    private final List<EmaConfig.Group> groups = new ArrayList<>();
    private Treatments treatments = Treatments.defaults();
    private final List<String> include = new ArrayList<>();
    private final List<String> exclude = new ArrayList<>();
    private EmaConfig.Precision precision = EmaConfig.Precision.FLOAT32;
    private EmaConfig.Arithmetic arithmetic = EmaConfig.Arithmetic.LERP;
    private EmaConfig.NonFinite nonFinite = EmaConfig.NonFinite.SKIP;
    private @Nullable StepInterval writeBack;
    private @Nullable Device device;
    private int metricsEvery = 100;
    private boolean automatic = true;
    private final List<AfterStep> observers = new ArrayList<>();

    EmaTrainingListenerBuilder() {}

    /**
     * Sets the rule of the only average, which is named {@value EmaConfig#MAIN}.
     *
     * @param rule the decay at each step
     * @return this builder
     */
    public EmaTrainingListenerBuilder setSchedule(AveragingRule rule) {
        return setAverage(EmaConfig.MAIN, rule);
    }

    /**
     * Sets the rule of an average; call it once for each. The first one is the main average. All
     * are moved in one pass over the online weights.
     *
     * @param name the name: letters, digits, '.', '_' and '-'
     * @param rule the decay at each step
     * @return this builder
     * @throws IllegalArgumentException if there is an average of that name
     */
    public EmaTrainingListenerBuilder setAverage(String name, AveragingRule rule) {
        if (rules.putIfAbsent(name, Objects.requireNonNull(rule, "rule")) != null) {
            throw new IllegalArgumentException(
                    "names of averages must differ, got '" + name + "' twice");
        }
        return this;
    }

    /**
     * Takes all settings of the averages from an object, in place of what was set before.
     *
     * @param config the settings
     * @return this builder
     */
    public EmaTrainingListenerBuilder setConfig(EmaConfig config) {
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
        return this;
    }

    /**
     * Gives parameters whose name contains a match of a pattern another schedule, in every average.
     * The first pattern that matches counts. Default: all follow the rule of the average.
     *
     * @param pattern a regular expression
     * @param schedule the decay at each step
     * @return this builder
     */
    public EmaTrainingListenerBuilder optGroup(String pattern, DecaySchedule schedule) {
        groups.add(new EmaConfig.Group(pattern, schedule));
        return this;
    }

    /**
     * Sets what happens to running statistics. Default: they are averaged.
     *
     * @param treatment the treatment
     * @return this builder
     */
    public EmaTrainingListenerBuilder optStatistics(Treatments.Treatment treatment) {
        treatments = new Treatments(treatment, treatments.frozen(), treatments.otherBuffers());
        return this;
    }

    /**
     * Sets what happens to frozen parameters. Default: they are copied.
     *
     * @param treatment the treatment, AVERAGE or COPY
     * @return this builder
     */
    public EmaTrainingListenerBuilder optFrozen(Treatments.Treatment treatment) {
        treatments = new Treatments(treatments.statistics(), treatment, treatments.otherBuffers());
        return this;
    }

    /**
     * Sets what happens to buffers other than running statistics. Default: they are copied.
     *
     * @param treatment the treatment, AVERAGE or COPY
     * @return this builder
     */
    public EmaTrainingListenerBuilder optOtherBuffers(Treatments.Treatment treatment) {
        treatments = new Treatments(treatments.statistics(), treatments.frozen(), treatment);
        return this;
    }

    /**
     * Averages only parameters whose name contains a match of one of these patterns; the others are
     * copied. Default: all.
     *
     * @param patterns regular expressions
     * @return this builder
     */
    public EmaTrainingListenerBuilder optInclude(String... patterns) {
        include.addAll(List.of(patterns));
        return this;
    }

    /**
     * Copies parameters whose name contains a match of one of these patterns. Default: none.
     *
     * @param patterns regular expressions
     * @return this builder
     */
    public EmaTrainingListenerBuilder optExclude(String... patterns) {
        exclude.addAll(List.of(patterns));
        return this;
    }

    /**
     * Sets the type of the averaged arrays. Default: at least float32.
     *
     * @param precision the precision
     * @return this builder
     */
    public EmaTrainingListenerBuilder optPrecision(EmaConfig.Precision precision) {
        this.precision = Objects.requireNonNull(precision, "precision");
        return this;
    }

    /**
     * Sets how an average moves. Default: by linear interpolation.
     *
     * @param arithmetic the arithmetic
     * @return this builder
     */
    public EmaTrainingListenerBuilder optArithmetic(EmaConfig.Arithmetic arithmetic) {
        this.arithmetic = Objects.requireNonNull(arithmetic, "arithmetic");
        return this;
    }

    /**
     * Sets what happens to a step after which a weight is infinite or not a number. Default: it is
     * skipped.
     *
     * @param nonFinite the policy
     * @return this builder
     */
    public EmaTrainingListenerBuilder optNonFinite(EmaConfig.NonFinite nonFinite) {
        this.nonFinite = Objects.requireNonNull(nonFinite, "nonFinite");
        return this;
    }

    /**
     * Replaces the trained weights by the main average after some steps, as Switch-EMA does; this
     * is the one option that changes the training. Default: never.
     *
     * @param steps the steps
     * @return this builder
     * @see EmaConfig#switchEma
     * @see EmaConfig#lookahead
     */
    public EmaTrainingListenerBuilder optWriteBack(StepInterval steps) {
        writeBack = Objects.requireNonNull(steps, "steps");
        return this;
    }

    /**
     * Sets where the averages live. Default: beside the online weights.
     *
     * @param device the device
     * @return this builder
     */
    public EmaTrainingListenerBuilder optDevice(Device device) {
        this.device = Objects.requireNonNull(device, "device");
        return this;
    }

    /**
     * Sets how often step, decay and distance go to the trainer's metrics, if it has any; they also
     * go there at the end of each epoch. Default: every 100 steps.
     *
     * @param steps the number of steps, at least 1
     * @return this builder
     */
    public EmaTrainingListenerBuilder optMetricsEvery(int steps) {
        if (steps < 1) {
            throw new IllegalArgumentException("metricsEvery must be at least 1, got " + steps);
        }
        metricsEvery = steps;
        return this;
    }

    /**
     * Averages only when {@link EmaTrainingListener#update()} is called. Default: the listener sees
     * the steps itself.
     *
     * @return this builder
     */
    public EmaTrainingListenerBuilder optManualUpdates() {
        automatic = false;
        return this;
    }

    /**
     * Adds what runs right after each step has been averaged, in the order of the calls. Default:
     * nothing.
     *
     * @param observer what runs
     * @return this builder
     */
    public EmaTrainingListenerBuilder optAfterStep(AfterStep observer) {
        observers.add(Objects.requireNonNull(observer, "observer"));
        return this;
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

    int metricsEvery() {
        return metricsEvery;
    }

    boolean isAutomatic() {
        return automatic;
    }

    List<AfterStep> observers() {
        return List.copyOf(observers);
    }

    /**
     * Builds the listener.
     *
     * @return the listener
     * @throws IllegalArgumentException if no schedule is set or a pattern is not a regular
     *     expression
     */
    public EmaTrainingListener build() {
        return new EmaTrainingListener(this);
    }
}
