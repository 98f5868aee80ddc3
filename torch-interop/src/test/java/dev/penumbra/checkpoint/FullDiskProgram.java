// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Trains with checkpoints on a file system that becomes full, one that becomes read-only, and one
 * that is read-only from the beginning. Needs the right to mount.
 *
 * <p>Argument: a folder for everything.
 */
final class FullDiskProgram {

    private static final List<String> SIZE = List.of("-Dshort.epochs=8", "-Dshort.hidden=2000");
    private static final List<String> SHORTER = List.of("-Dshort.epochs=2", "-Dshort.hidden=2000");

    private FullDiskProgram() {}

    public static void main(String[] arguments) throws IOException, InterruptedException {
        Path folder = Path.of(arguments[0]);
        Path output = folder.resolve("output.txt");
        List<String> whole = run(output, SIZE, folder.resolve("whole"));
        String expected = whole.get(whole.size() - 1);

        Path small = mount(folder.resolve("small"), "size=3m");
        report("full", run(output, SIZE, small.resolve("run")), expected);
        latest(small.resolve("run"));
        call("umount", small.toString());

        Path readOnly = mount(folder.resolve("read-only"), "size=50m");
        run(output, SHORTER, readOnly.resolve("run"));
        Files.createDirectory(readOnly.resolve("other"));
        call("mount", "-o", "remount,ro", readOnly.toString());
        report("read-only, resumed", run(output, SIZE, readOnly.resolve("run")), expected);
        report("read-only", run(output, SIZE, readOnly.resolve("other")), expected);
        latest(readOnly.resolve("run"));
        call("umount", readOnly.toString());
    }

    private static Path mount(Path folder, String options)
            throws IOException, InterruptedException {
        Files.createDirectories(folder);
        call("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder.toString());
        return folder;
    }

    private static void report(String name, List<String> lines, String expected) {
        List<String> failures = lines.stream().filter(l -> l.startsWith("failure")).toList();
        System.out.printf(
                "%s: %d saves failed, the result is %s%n",
                name,
                failures.size(),
                !lines.isEmpty() && lines.get(lines.size() - 1).equals(expected)
                        ? "the same"
                        : "another");
        failures.stream().limit(1).forEach(System.out::println);
    }

    private static void latest(Path folder) throws IOException {
        Checkpoint latest = new CheckpointFolder(folder).latest().orElseThrow();
        latest.verify();
        System.out.println("latest is whole: " + latest);
    }

    private static List<String> run(Path output, List<String> size, Path checkpoints)
            throws IOException, InterruptedException {
        Process process =
                ChildProcess.start(output, size, SavingProgram.class, checkpoints.toString());
        if (process.waitFor() != 0) {
            System.out.println(ChildProcess.errors(output).lines().limit(2).toList());
        }
        return Files.readAllLines(output);
    }

    private static void call(String... command) throws IOException, InterruptedException {
        if (new ProcessBuilder(command).inheritIO().start().waitFor() != 0) {
            throw new IOException("Cannot " + String.join(" ", command));
        }
    }
}
