// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Another Java with the class path of this one. */
public final class ChildProcess {

    private ChildProcess() {}

    /** Starts a program. */
    public static Process start(Path output, Class<?> program, String... arguments)
            throws IOException {
        return start(output, List.of(), program, arguments);
    }

    /** Starts a program with options of its Java. */
    public static Process start(
            Path output, List<String> options, Class<?> program, String... arguments)
            throws IOException {
        return start(output, command(options, program, arguments));
    }

    private static List<String> command(
            List<String> options, Class<?> program, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(
                System.getProperty("java.home") + File.separator + "bin" + File.separator + "java");
        command.add("-Dai.djl.pytorch.num_threads=1");
        command.add("-Dai.djl.offline=true");
        command.add("-Xshare:auto");
        command.add("-XX:TieredStopAtLevel=1");
        command.addAll(options);
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(program.getName());
        command.addAll(List.of(arguments));
        return command;
    }

    /** Starts a program whose files may not become larger than some KiB. */
    public static Process startLimited(
            Path output, int kib, List<String> options, Class<?> program, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        command.addAll(List.of("bash", "-c", "ulimit -f " + kib + " && exec \"$@\"", "bash"));
        command.addAll(command(options, program, arguments));
        return start(output, command);
    }

    private static Process start(Path output, List<String> command) throws IOException {
        return new ProcessBuilder(command)
                .redirectOutput(output.toFile())
                .redirectError(ProcessBuilder.Redirect.appendTo(new File(output + ".err")))
                .start();
    }

    /**
     * Lets a {@link ResumeProgram} train whole and interrupted, and another process go on.
     *
     * @return the number of trainings that have ended alike
     */
    public static int assertResumes(Class<?> program, Path folder)
            throws IOException, InterruptedException {
        List<String> whole = lines(program, folder, "begin");
        List<String> resumed = lines(program, folder, "resume");
        assertEquals(String.join("\n", whole), String.join("\n", resumed));
        return whole.size();
    }

    private static List<String> lines(Class<?> program, Path folder, String phase)
            throws IOException, InterruptedException {
        Path output = folder.resolve(phase + ".txt");
        Process process = start(output, program, phase, folder.toString());
        assertEquals(0, process.waitFor(), () -> phase + ": " + errors(output));
        return Files.readAllLines(output);
    }

    /** What a process with this output has said on its other one. */
    public static String errors(Path output) {
        try {
            return Files.readString(Path.of(output + ".err"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
