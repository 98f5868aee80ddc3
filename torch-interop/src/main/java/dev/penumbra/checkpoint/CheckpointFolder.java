// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.state.State;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
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
    private static final String LOCK = ".lock";

    private final Path path;
    private @Nullable FileChannel lock;

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
        Checkpoint best = null;
        float score = Float.NaN;
        for (Checkpoint checkpoint : readable()) {
            Float candidate = checkpoint.info().scores().get(weights);
            if (candidate != null && (best == null || order.isBetter(candidate, score))) {
                best = checkpoint;
                score = candidate;
            }
        }
        return Optional.ofNullable(best);
    }

    /** The best score of each set of weights. */
    Map<String, Float> bestScores(ScoreOrder order) throws IOException {
        Map<String, Float> best = new LinkedHashMap<>();
        for (Checkpoint checkpoint : readable()) {
            checkpoint
                    .info()
                    .scores()
                    .forEach(
                            (name, s) ->
                                    best.merge(name, s, (a, b) -> order.isBetter(b, a) ? b : a));
        }
        return best;
    }

    private List<Checkpoint> readable() throws IOException {
        List<Checkpoint> readable = new ArrayList<>();
        for (Path folder : list()) {
            ifReadable(folder).ifPresent(readable::add);
        }
        return readable;
    }

    /** A damaged checkpoint has no score that could be trusted. */
    private static Optional<Checkpoint> ifReadable(Path folder) throws IOException {
        try {
            return Optional.of(Checkpoint.open(folder));
        } catch (CheckpointException e) {
            return Optional.empty();
        }
    }

    /**
     * Makes the folder this process's own for writing and removes what a killed one left behind.
     *
     * @throws IOException if it cannot be written or another process writes to it
     */
    void open() throws IOException {
        if (lock != null) {
            return;
        }
        try {
            Files.createDirectories(path);
            FileChannel channel =
                    FileChannel.open(
                            path.resolve(LOCK),
                            StandardOpenOption.CREATE,
                            StandardOpenOption.WRITE);
            if (!isLocked(channel)) {
                channel.close();
                throw new CheckpointException(
                        "Cannot write checkpoints to " + path + ": another training does");
            }
            lock = channel;
            clean();
        } catch (CheckpointException e) {
            throw e;
        } catch (IOException e) {
            throw new CheckpointException(
                    "Cannot write checkpoints to " + path + ": " + Folders.reason(e), e);
        }
    }

    private static boolean isLocked(FileChannel channel) throws IOException {
        try {
            return channel.tryLock() != null;
        } catch (OverlappingFileLockException e) {
            return false;
        }
    }

    private void clean() throws IOException {
        try (Stream<Path> entries = Files.list(path)) {
            for (Path entry : entries.toList()) {
                String name = nameOf(entry);
                if (name.startsWith(TEMPORARY) || name.startsWith(DELETED)) {
                    Folders.delete(entry);
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
        open();
        List<Path> earlier = list();
        long number = earlier.isEmpty() ? 1 : numberOf(earlier.get(earlier.size() - 1)) + 1;
        String name = String.format(Locale.ROOT, "%06d-step-%010d", number, info.progress().step());
        Path temporary = path.resolve(TEMPORARY + name);
        Path target = path.resolve(name);
        try {
            new CheckpointWriter(info, parts).write(temporary);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            Folders.force(path);
        } catch (IOException | RuntimeException e) {
            discard(temporary, e);
            throw new CheckpointException(
                    "Cannot save checkpoint " + target + ": " + Folders.reason(e), e);
        }
        link(name);
        prune(retention);
        return target;
    }

    private static void discard(Path temporary, Exception cause) {
        try {
            if (Files.exists(temporary)) {
                Folders.delete(temporary);
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

    private void prune(Retention retention) throws IOException {
        List<Path> all = list();
        Set<Path> kept =
                new HashSet<>(all.subList(Math.max(0, all.size() - retention.last()), all.size()));
        ScoreOrder order = retention.best();
        if (order != null) {
            for (String weights : bestScores(order).keySet()) {
                best(weights, order).ifPresent(checkpoint -> kept.add(checkpoint.folder()));
            }
        }
        for (Path checkpoint : all) {
            if (!kept.contains(checkpoint)) {
                // Renamed first, so that no name leads to half a checkpoint.
                Path deleted = path.resolve(DELETED + nameOf(checkpoint));
                Files.move(checkpoint, deleted, StandardCopyOption.ATOMIC_MOVE);
                Folders.delete(deleted);
            }
        }
    }

    /** Lets other processes write to the folder. */
    @Override
    public void close() throws IOException {
        FileChannel open = lock;
        if (open != null) {
            lock = null;
            open.close();
        }
    }
}
