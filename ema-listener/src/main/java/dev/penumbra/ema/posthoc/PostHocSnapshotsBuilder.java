// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Builds {@link PostHocSnapshots}. */
public final class PostHocSnapshotsBuilder {

    private @Nullable Path folder;
    private long every;
    private final Set<Long> steps = new LinkedHashSet<>();
    private final Set<String> averages = new LinkedHashSet<>();
    private SnapshotPrecision precision = SnapshotPrecision.FULL;
    private boolean continued;

    PostHocSnapshotsBuilder() {}

    /**
     * Sets the folder, which is created if it is missing.
     *
     * @param path the folder
     * @return this builder
     */
    public PostHocSnapshotsBuilder setFolder(Path path) {
        folder = path;
        return this;
    }

    /**
     * Writes snapshots at the multiples of a number of steps. By default only chosen steps are
     * written. About twenty snapshots in a training are enough; see {@link Combination} for a check
     * before it.
     *
     * @param count the number of steps, at least 1
     * @return this builder
     */
    public PostHocSnapshotsBuilder optEvery(long count) {
        if (count < 1) {
            throw new IllegalArgumentException("every must be at least 1, got " + count);
        }
        every = count;
        return this;
    }

    /**
     * Adds steps at which snapshots are written.
     *
     * @param chosen the steps, at least 1
     * @return this builder
     */
    public PostHocSnapshotsBuilder optSteps(long... chosen) {
        for (long step : chosen) {
            if (step < 1) {
                throw new IllegalArgumentException("step must be at least 1, got " + step);
            }
        }
        Arrays.stream(chosen).forEach(steps::add);
        return this;
    }

    /**
     * Chooses averages. By default snapshots are written of all.
     *
     * @param names their names
     * @return this builder
     */
    public PostHocSnapshotsBuilder optAverages(String... names) {
        averages.addAll(List.of(names));
        return this;
    }

    /**
     * Sets the type of the stored values. By default it is {@link SnapshotPrecision#FULL}.
     *
     * @param choice the precision
     * @return this builder
     */
    public PostHocSnapshotsBuilder optPrecision(SnapshotPrecision choice) {
        precision = Objects.requireNonNull(choice, "precision");
        return this;
    }

    /**
     * Continues the training whose snapshots are in the folder. By default a folder with snapshots
     * is refused.
     *
     * @return this builder
     */
    public PostHocSnapshotsBuilder optContinue() {
        continued = true;
        return this;
    }

    /**
     * Builds the writer.
     *
     * @return the writer
     * @throws IllegalArgumentException if no folder was set
     */
    public PostHocSnapshots build() {
        folder();
        return new PostHocSnapshots(this);
    }

    Path folder() {
        if (folder == null) {
            throw new IllegalArgumentException("folder must be set, got null");
        }
        return folder;
    }

    long every() {
        return every;
    }

    Set<Long> steps() {
        return Set.copyOf(steps);
    }

    Set<String> averages() {
        return new LinkedHashSet<>(averages);
    }

    SnapshotPrecision precision() {
        return precision;
    }

    boolean isContinued() {
        return continued;
    }
}
