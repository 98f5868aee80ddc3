// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Another Java with the class path of this one. */
final class ChildProcess {

    private ChildProcess() {}

    static Process start(Path output, Class<?> program, String... arguments) throws IOException {
        return start(output, List.of(), program, arguments);
    }

    static Process start(Path output, List<String> options, Class<?> program, String... arguments)
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
    static Process startLimited(
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

    /** What a process with this output has said on its other one. */
    static String errors(Path output) {
        try {
            return Files.readString(Path.of(output + ".err"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
