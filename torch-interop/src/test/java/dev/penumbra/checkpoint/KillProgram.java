// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import dev.penumbra.internal.FileTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;

/**
 * Kills a training at random moments while it saves after every step. After each kill the newest
 * checkpoint must be whole, and the training must go on to the end of one that was never killed.
 *
 * <p>Arguments: the number of kills, a seed, and a folder for everything.
 */
public final class KillProgram {

    private static final List<String> SIZE = List.of("-Dshort.epochs=8", "-Dshort.hidden=2000");

    /**
     * What has come out.
     *
     * @param kills the number of kills
     * @param afterEnd how many more came after the end of the training
     * @param withoutCheckpoint how many came before the first checkpoint
     * @param leftovers how many left a half checkpoint behind
     * @param damaged how many left a newest checkpoint that is not whole
     * @param different how many trainings did not end as the one that was not killed
     */
    public record Outcome(
            int kills,
            int afterEnd,
            int withoutCheckpoint,
            int leftovers,
            int damaged,
            int different) {}

    private final Class<?> program;
    private final Random random;
    private final Path folder;
    private int afterEnd;
    private int withoutCheckpoint;
    private int leftovers;
    private int damaged;
    private int different;

    private KillProgram(Class<?> program, long seed, Path folder) {
        this.program = program;
        random = new Random(seed);
        this.folder = folder;
    }

    public static void main(String[] arguments) throws IOException, InterruptedException {
        int kills = Integer.parseInt(arguments[0]);
        Path folder = Path.of(arguments[2]);
        System.out.println(run(SavingProgram.class, kills, Long.parseLong(arguments[1]), folder));
    }

    /** Kills a {@link SavingProgram} so many times. */
    public static Outcome run(Class<?> program, int kills, long seed, Path folder)
            throws IOException, InterruptedException {
        return new KillProgram(program, seed, folder).run(kills);
    }

    private Outcome run(int kills) throws IOException, InterruptedException {
        Path checkpoints = folder.resolve("checkpoints");
        Path output = folder.resolve("output.txt");
        long begin = System.nanoTime();
        Process whole = start(output, checkpoints);
        awaitBegin(whole, output);
        long began = System.nanoTime();
        whole.waitFor();
        long window = (System.nanoTime() - began) / 1_000_000;
        String expected = last(output);
        System.out.printf(
                "whole training: %d ms, of which %d ms saving%n",
                (System.nanoTime() - begin) / 1_000_000, window);
        for (int i = 0; i < kills; i++) {
            empty(checkpoints);
            while (!killOnce(output, checkpoints, random.nextLong(window))) {
                afterEnd++;
                empty(checkpoints);
            }
            Process resumed = start(output, checkpoints);
            int code = resumed.waitFor();
            if (code != 0 || !last(output).equals(expected)) {
                different++;
                System.out.printf(
                        "kill %d: code %d, %s%nexpected %s%nactual   %s%n",
                        i, code, ChildProcess.errors(output), expected, last(output));
            }
        }
        return new Outcome(kills, afterEnd, withoutCheckpoint, leftovers, damaged, different);
    }

    /** A training that is killed at once has not made the folder. */
    private static void empty(Path checkpoints) throws IOException {
        if (Files.exists(checkpoints)) {
            FileTree.delete(checkpoints);
        }
        Files.createDirectories(checkpoints);
    }

    /** Tells whether the kill came before the end. */
    private boolean killOnce(Path output, Path checkpoints, long delay)
            throws IOException, InterruptedException {
        Process process = start(output, checkpoints);
        awaitBegin(process, output);
        Thread.sleep(delay);
        process.destroyForcibly().waitFor();
        if (process.exitValue() == 0) {
            return false;
        }
        try (var entries = Files.list(checkpoints)) {
            boolean left = entries.anyMatch(e -> e.getFileName().toString().matches("\\.[sd].*"));
            leftovers += left ? 1 : 0;
        }
        try {
            Optional<Checkpoint> latest = new CheckpointFolder(checkpoints).latest();
            if (latest.isEmpty()) {
                withoutCheckpoint++;
            } else {
                latest.get().verify();
                requireLink(checkpoints);
            }
        } catch (CheckpointException e) {
            damaged++;
            System.out.println(e.getMessage());
        }
        return true;
    }

    /** The link may be one checkpoint behind, or missing at first, but what it names is whole. */
    private static void requireLink(Path checkpoints) throws IOException {
        Path link = checkpoints.resolve(CheckpointFolder.LATEST);
        if (Files.isSymbolicLink(link)) {
            Checkpoint.open(link).verify();
        }
    }

    private Process start(Path output, Path checkpoints) throws IOException {
        Files.deleteIfExists(output);
        return ChildProcess.start(output, SIZE, program, checkpoints.toString());
    }

    private static void awaitBegin(Process process, Path output)
            throws IOException, InterruptedException {
        while (process.isAlive()
                && !(Files.exists(output) && Files.readString(output).contains("begin"))) {
            Thread.sleep(1);
        }
    }

    private static String last(Path output) throws IOException {
        List<String> lines = Files.readAllLines(output);
        return lines.isEmpty() ? "" : lines.get(lines.size() - 1);
    }
}
