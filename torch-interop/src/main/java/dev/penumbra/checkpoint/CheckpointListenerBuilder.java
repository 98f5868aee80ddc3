// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.training.dataset.Dataset;
import ai.djl.training.optimizer.Optimizer;
import dev.penumbra.state.Stateful;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** The builder of a {@link CheckpointListener}. */
public final class CheckpointListenerBuilder {

    private static final Duration GRACE = Duration.ofMinutes(1);

    private @Nullable Path folder;
    private @Nullable Optimizer optimizer;
    private @Nullable ResumableSampler sampler;
    private long steps;
    private long epochs = 1;
    private @Nullable Duration time;
    private int keepLast = 3;
    private BestScores.@Nullable Validation validation;
    private final Map<String, String> settings = new LinkedHashMap<>();
    private final Map<String, TrainingPart> trainingParts = new LinkedHashMap<>();
    private final Map<String, Stateful> programParts = new LinkedHashMap<>();
    private @Nullable Long seed;
    private boolean background = true;
    private boolean refuseDamaged;
    private @Nullable Duration grace;

    CheckpointListenerBuilder() {}

    /**
     * Sets where the checkpoints go.
     *
     * @param folder the folder, created if it is missing; one for each training
     * @return this builder
     */
    public CheckpointListenerBuilder setFolder(Path folder) {
        this.folder = Objects.requireNonNull(folder, "folder");
        return this;
    }

    /**
     * Sets the optimizer whose state is saved.
     *
     * @param optimizer the optimizer of the training
     * @return this builder
     */
    public CheckpointListenerBuilder setOptimizer(Optimizer optimizer) {
        this.optimizer = Objects.requireNonNull(optimizer, "optimizer");
        return this;
    }

    /**
     * Sets the sampler of the training data, without which a training can go on at the beginning of
     * an epoch only. Default: none.
     *
     * @param sampler the sampler
     * @return this builder
     */
    public CheckpointListenerBuilder optSampler(ResumableSampler sampler) {
        this.sampler = Objects.requireNonNull(sampler, "sampler");
        return this;
    }

    /**
     * Saves after every so many optimizer steps. Default: not.
     *
     * @param steps the number of steps, at least 1
     * @return this builder
     */
    public CheckpointListenerBuilder optEverySteps(long steps) {
        this.steps = requirePositive("steps", steps);
        return this;
    }

    /**
     * Saves after every so many epochs. Default: after each.
     *
     * @param epochs the number of epochs, at least 1
     * @return this builder
     */
    public CheckpointListenerBuilder optEveryEpochs(long epochs) {
        this.epochs = requirePositive("epochs", epochs);
        return this;
    }

    /**
     * Saves at the first step so long after the latest checkpoint. Default: not.
     *
     * @param time the time, above 0
     * @return this builder
     */
    public CheckpointListenerBuilder optEvery(Duration time) {
        requirePositive("time", time);
        this.time = time;
        return this;
    }

    /**
     * Sets how many of the latest checkpoints stay. Default: 3.
     *
     * @param number the number, at least 1
     * @return this builder
     */
    public CheckpointListenerBuilder optKeepLast(int number) {
        keepLast = Math.toIntExact(requirePositive("keepLast", number));
        return this;
    }

    /**
     * Rates online weights and those of the parts after each epoch, saves when one of them is
     * better than ever, and keeps the best checkpoint of each. Default: nothing is rated.
     *
     * @param dataset the data, other than that of the final test
     * @param evaluator the name of an evaluator of the trainer, the loss among them
     * @param order whether higher or lower values are better
     * @return this builder
     */
    public CheckpointListenerBuilder optBest(Dataset dataset, String evaluator, ScoreOrder order) {
        validation = new BestScores.Validation(dataset, evaluator, order);
        return this;
    }

    /**
     * Adds settings of the program, which are saved and must be the same on resume. Default: none.
     *
     * @param settings the settings by name
     * @return this builder
     */
    public CheckpointListenerBuilder optSettings(Map<String, String> settings) {
        this.settings.putAll(settings);
        return this;
    }

    /**
     * Adds a part of the training, such as the listener that averages its weights. Default: none.
     *
     * @param name the name of the part: letters, digits, '_' and '-'
     * @param part the part
     * @return this builder
     */
    public CheckpointListenerBuilder optPart(String name, TrainingPart part) {
        requireNew(name);
        trainingParts.put(name, Objects.requireNonNull(part, "part"));
        return this;
    }

    /**
     * Adds a part of the program that has state of its own. Default: none.
     *
     * @param name the name of the part: letters, digits, '_' and '-'
     * @param part the part
     * @return this builder
     */
    public CheckpointListenerBuilder optPart(String name, Stateful part) {
        requireNew(name);
        programParts.put(name, Objects.requireNonNull(part, "part"));
        return this;
    }

    private void requireNew(String name) {
        if (!name.matches("[A-Za-z0-9][A-Za-z0-9_-]*") || TrainingParts.RESERVED.contains(name)) {
            throw new IllegalArgumentException(
                    "name of a part must be letters, digits, '_' and '-' and none of "
                            + TrainingParts.RESERVED
                            + ", got "
                            + name);
        }
        if (trainingParts.containsKey(name) || programParts.containsKey(name)) {
            throw new IllegalArgumentException(
                    "names of parts must differ, got '" + name + "' twice");
        }
    }

    /**
     * Seeds PyTorch's generators before every step with a number that depends on the seed and the
     * step, because their state cannot be read. Needed for an exact resume where dropout or other
     * random numbers take part; it changes these numbers. Default: they are left alone.
     *
     * @param seed the seed of the training
     * @return this builder
     */
    public CheckpointListenerBuilder optStepSeeds(long seed) {
        this.seed = seed;
        return this;
    }

    /**
     * Sets whether a checkpoint is copied within the memory and written while the training goes on.
     * It takes the memory of the saved arrays once more. Default: true.
     *
     * @param background whether to write in the background
     * @return this builder
     */
    public CheckpointListenerBuilder optBackground(boolean background) {
        this.background = background;
        return this;
    }

    /**
     * Refuses to resume where the newest checkpoint is damaged. Default: the log says so, and the
     * training goes on from the newest one that is whole.
     *
     * @return this builder
     */
    public CheckpointListenerBuilder optRefuseDamaged() {
        refuseDamaged = true;
        return this;
    }

    /**
     * On the signal SIGTERM ends the step, saves and exits with code 0, with a grace of one minute.
     * Default: not.
     *
     * @return this builder
     * @see #optTerminate(Duration)
     */
    public CheckpointListenerBuilder optTerminate() {
        return optTerminate(GRACE);
    }

    /**
     * On the signal SIGTERM ends the step, saves and exits with code 0. Default: not.
     *
     * <p>Where the training hangs, as in reading its data, the process ends without a checkpoint,
     * with the code that it would have had without this setting: when there has been no step and no
     * validation batch for the time of grace and for three times as long as there has ever been
     * none. A second signal ends the process at once, with code 143.
     *
     * @param grace how long the training may be silent after the signal, above 0
     * @return this builder
     */
    public CheckpointListenerBuilder optTerminate(Duration grace) {
        requirePositive("grace", grace);
        this.grace = grace;
        return this;
    }

    private static long requirePositive(String name, long number) {
        if (number < 1) {
            throw new IllegalArgumentException(name + " must be at least 1, got " + number);
        }
        return number;
    }

    private static void requirePositive(String name, Duration time) {
        if (time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException(name + " must be above 0, got " + time);
        }
    }

    Path folder() {
        return required("folder", folder);
    }

    private static <T> T required(String name, @Nullable T value) {
        if (value == null) {
            throw new IllegalArgumentException(name + " must be set, got null");
        }
        return value;
    }

    @Nullable ResumableSampler sampler() {
        return sampler;
    }

    @Nullable BestScores best() {
        return validation == null ? null : new BestScores(validation);
    }

    CheckpointConfig config() {
        return new CheckpointConfig(
                new SaveIntervals(steps, epochs, time),
                new Retention(keepLast, validation == null ? null : validation.order()),
                settings,
                background,
                refuseDamaged,
                grace);
    }

    TrainingParts parts(LongSupplier batches) {
        return new TrainingParts(
                required("optimizer", optimizer),
                new LinkedHashMap<>(trainingParts),
                new RandomPart(sampler, seed, batches),
                new LinkedHashMap<>(programParts));
    }

    /**
     * Builds the listener.
     *
     * @return the listener
     * @throws IllegalArgumentException if folder or optimizer are missing
     */
    public CheckpointListener build() {
        return new CheckpointListener(this);
    }
}
