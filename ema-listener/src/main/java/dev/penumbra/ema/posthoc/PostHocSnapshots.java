// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import dev.penumbra.ema.AfterStep;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.DecaySchedule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Writes snapshots of averages during the training, from which {@link PostHocSynthesis} makes
 * averages of other lengths afterwards.
 *
 * <pre>{@code
 * PostHocSnapshots snapshots =
 *         PostHocSnapshots.builder().setFolder(folder).optEvery(1000).build();
 * EmaTrainingListener ema =
 *         EmaTrainingListener.builder()
 *                 .setAverage("narrow", PowerFunction.ofRelativeWidth(0.05))
 *                 .setAverage("wide", PowerFunction.ofRelativeWidth(0.10))
 *                 .optAfterStep(snapshots)
 *                 .build();
 * ...
 * snapshots.write(ema.averages()); // after the last step
 * }</pre>
 *
 * <p>A snapshot is a file for each average, complete or absent. A folder belongs to one training:
 * another one is refused, and a training that is resumed has to say so. Steps that were skipped
 * because of weights that were not finite count as if they had been averaged. Not safe for use by
 * several threads at once.
 */
public final class PostHocSnapshots implements AfterStep {

    private final Path folder;
    private final long every;
    private final Set<Long> steps;
    private final Set<String> names;
    private final SnapshotPrecision precision;
    private final boolean continued;
    private @Nullable String run;
    private long latest;

    PostHocSnapshots(PostHocSnapshotsBuilder builder) {
        folder = builder.folder();
        every = builder.every();
        steps = builder.steps();
        names = builder.averages();
        precision = builder.precision();
        continued = builder.isContinued();
    }

    /**
     * Returns a builder.
     *
     * @return the builder
     */
    public static PostHocSnapshotsBuilder builder() {
        return new PostHocSnapshotsBuilder();
    }

    /**
     * Writes the snapshots of a step that was chosen.
     *
     * @throws UncheckedIOException if they cannot be written or the folder is another training's
     * @throws IllegalArgumentException if an average is unknown or its decay does not depend on the
     *     step alone
     */
    @Override
    public void afterStep(WeightAverages averages) {
        try {
            begin(averages);
            long step = averages.step();
            if ((every > 0 && step % every == 0) || steps.contains(step)) {
                write(averages);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Writes the snapshots of the current step, unless they have been written; call it after the
     * last one.
     *
     * @param averages the averages
     * @throws IOException if they cannot be written or the folder is another training's
     * @throws IllegalStateException if no step has been averaged
     * @throws IllegalArgumentException if an average is unknown or its decay does not depend on the
     *     step alone
     */
    public void write(WeightAverages averages) throws IOException {
        long step = averages.step();
        if (step < 1) {
            throw new IllegalStateException("No step has been averaged yet: train before writing");
        }
        String identity = begin(averages);
        if (step == latest) {
            return;
        }
        for (WeightAverage average : chosen(averages)) {
            Path path = Snapshot.pathIn(folder, average.name(), step);
            AverageProfile profile = new AverageProfile(scheduleOf(average), step);
            Snapshot snapshot = new Snapshot(identity, average.name(), profile, path);
            snapshot.write(average.arrays(), precision);
        }
        latest = step;
    }

    /** Checks the averages and the folder once, at the first step. */
    private String begin(WeightAverages averages) throws IOException {
        String identity = run;
        if (identity == null) {
            List<WeightAverage> chosen = chosen(averages);
            chosen.forEach(PostHocSnapshots::scheduleOf);
            Files.createDirectories(folder);
            identity = identity(chosen, averages.step());
            run = identity;
        }
        return identity;
    }

    private String identity(List<WeightAverage> chosen, long step) throws IOException {
        List<Snapshot> present = Snapshot.in(folder);
        if (present.isEmpty()) {
            return UUID.randomUUID().toString();
        }
        if (!continued) {
            throw refused(
                    "it has snapshots of another training: choose another folder or continue it");
        }
        for (Snapshot snapshot : present) {
            if (snapshot.profile().step() >= step) {
                throw refused(
                        snapshot.path().getFileName()
                                + " is not before step "
                                + step
                                + ", at which the training continues: call discardAfter("
                                + (step - 1)
                                + ")");
            }
            for (WeightAverage average : chosen) {
                requireSameRule(snapshot, average);
            }
        }
        return present.get(0).run();
    }

    private void requireSameRule(Snapshot snapshot, WeightAverage average) throws IOException {
        if (snapshot.average().equals(average.name())
                && !snapshot.profile().schedule().equals(average.rule())) {
            throw refused(
                    "average '"
                            + average.name()
                            + "' must keep the rule "
                            + snapshot.profile().schedule()
                            + ", got "
                            + average.rule());
        }
    }

    private IOException refused(String reason) {
        return new IOException("Cannot write snapshots to " + folder + ": " + reason);
    }

    /**
     * Deletes the snapshots after a step, for a training that goes back to that step.
     *
     * @param step the last step that counts, at least 0
     * @return the number of deleted files
     * @throws IOException if they cannot be read or deleted
     */
    public int discardAfter(long step) throws IOException {
        if (step < 0) {
            throw new IllegalArgumentException("step must be at least 0, got " + step);
        }
        int deleted = 0;
        for (Snapshot snapshot : Snapshot.in(folder)) {
            if (snapshot.profile().step() > step) {
                Files.delete(snapshot.path());
                deleted++;
            }
        }
        latest = 0;
        return deleted;
    }

    private List<WeightAverage> chosen(WeightAverages averages) {
        List<WeightAverage> chosen = new ArrayList<>();
        for (String name : names.isEmpty() ? averages.names() : names) {
            chosen.add(averages.get(name));
        }
        return chosen;
    }

    private static DecaySchedule scheduleOf(WeightAverage average) {
        if (!average.config().groups().isEmpty()) {
            throw new IllegalArgumentException(
                    "groups must be none for snapshots, got " + average.config().groups());
        }
        if (average.rule() instanceof DecaySchedule schedule) {
            return schedule;
        }
        throw new IllegalArgumentException(
                "rule of average '"
                        + average.name()
                        + "' must depend on the step alone, got "
                        + average.rule());
    }
}
