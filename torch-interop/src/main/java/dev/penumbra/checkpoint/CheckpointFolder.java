// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.internal.AtomicFile;
import dev.penumbra.internal.FileTree;
import dev.penumbra.state.State;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The checkpoints of one training.
 *
 * <p>A checkpoint is a folder with a name such as {@code 000007-step-0000001200}: its number in the
 * order of saving, and the step. It appears complete, in one step, or not at all, whatever kills
 * the process or fills the disk; a name that begins with a dot is not a checkpoint. The link {@code
 * latest}, where the file system has links, leads to the newest one.
 */
public final class CheckpointFolder implements AutoCloseable {

    /** The name of the link to the newest checkpoint. */
    public static final String LATEST = "latest";

    private static final Pattern NAME = Pattern.compile("[0-9]{6,18}-step-[0-9]{10,19}");
    private static final String TEMPORARY = ".saving-";
    private static final String DELETED = ".deleted-";

    private final Path path;
    private final Set<Path> damaged = new HashSet<>();
    private @Nullable FolderLock lock;

    /**
     * Names a folder. Nothing is read or written.
     *
     * @param path the folder, which may be missing
     */
    public CheckpointFolder(Path path) {
        this.path = path;
    }

    /**
     * Returns the folder.
     *
     * @return the folder
     */
    public Path path() {
        return path;
    }

    /**
     * Returns the folders of all checkpoints.
     *
     * @return the folders, the oldest first; empty if there is none
     * @throws IOException if they cannot be listed
     */
    public List<Path> list() throws IOException {
        if (!Files.isDirectory(path)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(path)) {
            return entries.filter(entry -> NAME.matcher(nameOf(entry)).matches())
                    .sorted((a, b) -> Long.compare(numberOf(a), numberOf(b)))
                    .toList();
        }
    }

    private static String nameOf(Path entry) {
        return entry.getFileName().toString();
    }

    private static long numberOf(Path checkpoint) {
        String name = nameOf(checkpoint);
        return Long.parseLong(name.substring(0, name.indexOf('-')));
    }

    /**
     * Opens the newest checkpoint.
     *
     * @return the checkpoint, or none if there is none
     * @throws CheckpointException if it is damaged
     * @throws IOException if it cannot be read
     */
    public Optional<Checkpoint> latest() throws IOException {
        List<Path> all = list();
        return all.isEmpty()
                ? Optional.empty()
                : Optional.of(Checkpoint.open(all.get(all.size() - 1)));
    }

    /**
     * Opens the checkpoint at which a set of weights had its best score, of equal ones the first.
     * Damaged checkpoints do not count.
     *
     * @param weights the name of an average, or {@link Checkpoint#MODEL} for the online weights
     * @param order whether higher or lower scores are better
     * @return the checkpoint, or none if none has a score of these weights
     * @throws IOException if the checkpoints cannot be listed
     */
    public Optional<Checkpoint> best(String weights, ScoreOrder order) throws IOException {
        Map<Path, Checkpoint> readable = readable();
        return Optional.ofNullable(best(readable, weights, order)).map(readable::get);
    }

    private static @Nullable Path best(
            Map<Path, Checkpoint> candidates, String weights, ScoreOrder order) {
        Path best = null;
        float score = Float.NaN;
        for (Map.Entry<Path, Checkpoint> candidate : candidates.entrySet()) {
            Float its = candidate.getValue().info().scores().get(weights);
            if (its != null && (best == null || order.isBetter(its, score))) {
                best = candidate.getKey();
                score = its;
            }
        }
        return best;
    }

    /** The best score of each set of weights. */
    Map<String, Float> bestScores(ScoreOrder order) throws IOException {
        return bestScores(readable(), order);
    }

    private static Map<String, Float> bestScores(
            Map<Path, Checkpoint> checkpoints, ScoreOrder order) {
        Map<String, Float> best = new LinkedHashMap<>();
        for (Checkpoint checkpoint : checkpoints.values()) {
            checkpoint
                    .info()
                    .scores()
                    .forEach(
                            (name, s) ->
                                    best.merge(name, s, (a, b) -> order.isBetter(b, a) ? b : a));
        }
        return best;
    }

    /** The checkpoints that can be opened; a damaged one has no score that could be trusted. */
    private Map<Path, Checkpoint> readable() throws IOException {
        Map<Path, Checkpoint> readable = new LinkedHashMap<>();
        for (Path folder : list()) {
            try {
                readable.put(folder, Checkpoint.open(folder));
            } catch (CheckpointException e) {
                // It is left out.
            }
        }
        return readable;
    }

    /** Requires that all checkpoints that can be opened are of one run. */
    void requireOneRun() throws CheckpointException, IOException {
        Map<String, String> runs = new LinkedHashMap<>();
        readable().forEach((folder, each) -> runs.putIfAbsent(each.info().run(), nameOf(folder)));
        if (runs.size() > 1) {
            throw new CheckpointException(
                    "Cannot go on in "
                            + path
                            + ": its checkpoints must be of one run, got several, such as those of "
                            + String.join(" and ", runs.values()));
        }
    }

    /**
     * Makes the folder that of one training for saving and removes what a killed one left behind.
     *
     * @param owner the training
     * @throws CheckpointException if it cannot be written or another training saves to it
     */
    void open(FolderLock.Owner owner) throws IOException {
        if (lock != null) {
            return;
        }
        try {
            Files.createDirectories(path);
            lock = FolderLock.take(path, owner);
            clean();
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException(
                    "Cannot write checkpoints to " + path + ": " + reason(e), e);
        }
    }

    /** What has gone wrong, in the words of the system. */
    private static String reason(Exception e) {
        String message = e.getMessage();
        boolean told =
                e instanceof FileSystemException file
                        ? file.getReason() != null
                        : e instanceof IOException;
        return message != null && told ? message : e.getClass().getSimpleName() + ": " + message;
    }

    private void clean() throws IOException {
        try (Stream<Path> entries = Files.list(path)) {
            for (Path entry : entries.toList()) {
                String name = nameOf(entry);
                if (name.startsWith(TEMPORARY) || name.startsWith(DELETED)) {
                    FileTree.delete(entry);
                }
            }
        }
    }

    /**
     * Saves a checkpoint and then deletes those that need not stay.
     *
     * @throws CheckpointException if it cannot be saved; earlier checkpoints are as they were
     */
    Path save(CheckpointInfo info, Map<String, State> parts, Retention retention)
            throws IOException {
        List<Path> earlier = list();
        long number = earlier.isEmpty() ? 1 : numberOf(earlier.get(earlier.size() - 1)) + 1;
        String name = String.format(Locale.ROOT, "%06d-step-%010d", number, info.progress().step());
        Path temporary = path.resolve(TEMPORARY + name);
        Path target = path.resolve(name);
        try {
            new CheckpointFiles(info, parts).save(temporary);
            AtomicFile.publishFolder(temporary, target);
        } catch (IOException | RuntimeException e) {
            discard(temporary, e);
            throw new CheckpointException("Cannot save checkpoint " + target + ": " + reason(e), e);
        }
        link(name);
        prune(retention);
        return target;
    }

    private static void discard(Path temporary, Exception cause) {
        try {
            if (Files.exists(temporary)) {
                FileTree.delete(temporary);
            }
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }

    /** Where there is no place for a link, none is better than one to something deleted. */
    private void link(String name) throws IOException {
        Path link = path.resolve(TEMPORARY + LATEST);
        Path latest = path.resolve(LATEST);
        try {
            Files.deleteIfExists(link);
            Files.createSymbolicLink(link, Path.of(name));
            Files.move(link, latest, StandardCopyOption.ATOMIC_MOVE);
        } catch (UnsupportedOperationException | IOException e) {
            Files.deleteIfExists(latest);
        }
    }

    /** The run of the newest checkpoint that can be opened; null if there is none. */
    @Nullable String run() throws IOException {
        String run = null;
        for (Checkpoint checkpoint : readable().values()) {
            run = checkpoint.info().run();
        }
        return run;
    }

    CheckpointException anotherRun() {
        return new CheckpointException(
                "Cannot write checkpoints to "
                        + path
                        + ": it has those of another run; call resume(trainer) before the first"
                        + " step to go on with that, or choose another folder");
    }

    /** Tells that a checkpoint is damaged in a way that only reading it all shows. */
    void markDamaged(Collection<Path> checkpoints) {
        damaged.addAll(checkpoints);
    }

    /**
     * Deletes all but the latest and the best ones. Damaged ones do not count, and stay until those
     * that were saved after them are enough.
     */
    private void prune(Retention retention) throws IOException {
        Map<Path, Checkpoint> whole = readable();
        whole.keySet().removeAll(damaged);
        if (whole.size() <= retention.last()) {
            return;
        }
        Path oldest = new ArrayList<>(whole.keySet()).get(whole.size() - retention.last());
        Set<Path> best = new HashSet<>();
        ScoreOrder order = retention.best();
        if (order != null) {
            for (String weights : bestScores(whole, order).keySet()) {
                best.add(best(whole, weights, order));
            }
        }
        for (Path checkpoint : list()) {
            if (numberOf(checkpoint) < numberOf(oldest) && !best.contains(checkpoint)) {
                // Renamed first, so that no name leads to half a checkpoint.
                Path deleted = path.resolve(DELETED + nameOf(checkpoint));
                Files.move(checkpoint, deleted, StandardCopyOption.ATOMIC_MOVE);
                FileTree.delete(deleted);
            }
        }
    }

    /** Lets other trainings save to the folder. */
    @Override
    public void close() throws IOException {
        FolderLock held = lock;
        if (held != null) {
            lock = null;
            held.close();
        }
    }
}
