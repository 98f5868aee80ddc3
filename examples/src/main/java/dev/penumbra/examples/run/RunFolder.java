// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import dev.penumbra.checkpoint.Progress;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.report.RunEvent;
import dev.penumbra.examples.report.RunLog;
import dev.penumbra.examples.report.RunLogInUseException;
import dev.penumbra.examples.report.RunProgress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The folder of a run that is going on: its log, which no other run may write meanwhile, and the
 * checkpoints of each seed in {@code checkpoints/seed-N}.
 */
public final class RunFolder implements AutoCloseable {

    private static final String CHECKPOINTS = "checkpoints";

    private final Path path;
    private final RunLog log;
    private final @Nullable RunProgress earlier;
    private final long begin = System.nanoTime();
    private double secondsBefore;
    private boolean resuming;

    private RunFolder(Path path, RunLog log, @Nullable RunProgress earlier) {
        this.path = path;
        this.log = log;
        this.earlier = earlier;
        resuming = earlier != null;
    }

    /**
     * Begins a run with its first line, also where an earlier attempt was ended before it had one.
     *
     * @param path its folder
     * @param start the first line
     * @throws UsageException if the folder has a run, or another process begins one there
     */
    public static RunFolder begin(Path path, RunEvent.Started start) throws IOException {
        if (Files.exists(path.resolve(CHECKPOINTS))) {
            throw new UsageException("--out must be without " + CHECKPOINTS + ", got " + path);
        }
        requireUnbegun(path);
        RunLog log = open(path, "--out must be a folder that no other process is writing");
        try {
            // Another run may have been here between the first look at the log and its lock.
            requireUnbegun(path);
            log.cutBack(0);
            log.append(start);
            return new RunFolder(path, log, null);
        } catch (IOException | RuntimeException e) {
            log.close();
            throw e;
        }
    }

    private static void requireUnbegun(Path path) throws IOException {
        if (RunLog.isBegun(path)) {
            throw new UsageException(
                    "--out must be without a " + RunLog.FILE_NAME + ", got " + path);
        }
    }

    /**
     * Tells whether a folder has nothing but the log of a run that was ended before it began.
     *
     * @param path the folder
     */
    public static boolean isUnbegun(Path path) throws IOException {
        if (!RunLog.isUnbegun(path)) {
            return false;
        }
        try (Stream<Path> entries = Files.list(path)) {
            return entries.count() == 1;
        }
    }

    /**
     * Goes on with a run.
     *
     * @param path its folder
     * @param program the program that must have begun it
     * @throws UsageException if it cannot go on
     */
    public static RunFolder resume(Path path, String program) throws IOException {
        if (!Files.isRegularFile(path.resolve(RunLog.FILE_NAME))) {
            throw refused("a folder with " + RunLog.FILE_NAME, path.toString());
        }
        if (RunLog.isUnbegun(path)) {
            throw refused(
                    "a run that has begun",
                    path
                            + ", whose "
                            + RunLog.FILE_NAME
                            + " has no whole line. Begin the run anew with its command");
        }
        RunLog log = open(path, "--resume must be a run that no other process is writing");
        try {
            RunProgress run = read(path);
            List<String> args = run.start().args();
            if (args.isEmpty()) {
                throw refused("a run whose log has the field args", path + " without it");
            }
            if (!args.get(0).equals(program)) {
                throw refused("a run of " + program, path + ", a run of " + args.get(0));
            }
            return new RunFolder(path, log, run);
        } catch (RuntimeException e) {
            log.close();
            throw e;
        }
    }

    private static RunLog open(Path path, String rule) throws IOException {
        try {
            return RunLog.open(path);
        } catch (RunLogInUseException e) {
            throw new UsageException(rule + ", got " + path);
        }
    }

    private static RunProgress read(Path path) {
        try {
            return RunProgress.read(path);
        } catch (IOException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private static UsageException refused(String rule, String value) {
        return new UsageException("--resume must be " + rule + ", got " + value);
    }

    /** Where the run is. */
    public Path path() {
        return path;
    }

    /** The log of the run. */
    public RunLog log() {
        return log;
    }

    /** The first line of a run that goes on. */
    public RunEvent.Started start() {
        return Objects.requireNonNull(earlier, "earlier").start();
    }

    /** Whether there is nothing left to do. */
    public boolean isEnded() {
        return earlier != null && earlier.seconds() != null;
    }

    /** Whether a seed had ended, with its models saved, before this process. */
    public boolean isEnded(int seed) {
        return earlier != null && earlier.ended().contains(seed);
    }

    /**
     * Writes that a seed begins or goes on.
     *
     * @param seed the seed
     * @param done how far it has come; the log has been cut back to there
     * @param seconds the time that the epoch which goes on has taken so far
     */
    public void begin(int seed, Progress done, double seconds) throws IOException {
        boolean beginning = done.step() == 0;
        if (resuming) {
            resuming = false;
            if (beginning) {
                log.cutBack(endOfLastSeed());
            }
            secondsBefore = RunProgress.read(path).trainedSeconds() + seconds;
            log.append(
                    new RunEvent.Resumed(
                            Instant.now().toString(),
                            seed,
                            Math.toIntExact(done.epoch() + 1),
                            Math.toIntExact(done.batch()),
                            Math.toIntExact(done.step())));
        }
        if (beginning) {
            log.append(new RunEvent.SeedStarted(seed));
        }
    }

    /** Where the last seed that has ended ends, or the first line. */
    private long endOfLastSeed() throws IOException {
        return log.endOfLast(List.of("run", "seed_end"));
    }

    /** Writes the last line. */
    public void end() throws IOException {
        if (resuming) {
            secondsBefore = RunProgress.read(path).trainedSeconds();
        }
        log.append(new RunEvent.Ended(secondsBefore + (System.nanoTime() - begin) / 1e9));
    }

    /** Where the checkpoints of a seed are. */
    public Path checkpoints(int seed) {
        return path.resolve(CHECKPOINTS).resolve("seed-" + seed);
    }

    /** Deletes the checkpoints of a seed whose end is in the log. */
    public void deleteCheckpoints(int seed) throws IOException {
        log.position(); // The end is on disk before they go.
        Path folder = checkpoints(seed);
        if (Files.isDirectory(folder)) {
            delete(folder);
            if (isEmpty(path.resolve(CHECKPOINTS))) {
                Files.delete(path.resolve(CHECKPOINTS));
            }
        }
    }

    private static boolean isEmpty(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.findAny().isEmpty();
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> tree = Files.walk(folder)) {
            for (Path file : tree.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    @Override
    public void close() throws IOException {
        log.close();
    }
}
