// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import dev.penumbra.examples.Environment;
import dev.penumbra.examples.UsageException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Times checkpoints beside plain files of the same size, in turn. */
@Command(
        name = "benchmark-checkpoint",
        description = {
            "Saves and loads checkpoints of a model with one average and AdamW, in turn with",
            "sequential writing and reading of as many bytes on the same disk, and measures for how",
            "long a save in the background holds up the training."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class,
        sortOptions = false)
public final class CheckpointBenchmarkCommand implements Callable<Integer> {

    private static final int CHUNK = 1 << 20;
    private static final Path DROP_CACHES = Path.of("/proc/sys/vm/drop_caches");

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--case",
            paramLabel = "NAME",
            description = "The model, as of the program benchmark (${DEFAULT-VALUE}).")
    private String model = "resnet50";

    @Option(names = "--rounds", paramLabel = "N", description = "Rounds (${DEFAULT-VALUE}).")
    private int rounds = 7;

    @Option(names = "--threads", paramLabel = "N", description = "Threads of one operation.")
    private @Nullable Integer threads;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            required = true,
            description = "Folder on the disk to be measured, which must be new.")
    private Path out = Path.of(".");

    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK);

    /** One thing that takes time. */
    @FunctionalInterface
    private interface Action {
        void run() throws IOException;
    }

    @Override
    public Integer call() throws IOException {
        if (rounds < 1) {
            throw new UsageException("--rounds must be at least 1, got " + rounds);
        }
        if (Files.exists(out)) {
            throw new UsageException("--out must be a new folder, got " + out);
        }
        if (threads != null) {
            Environment.useThreads(threads);
        }
        Files.createDirectories(out);
        try (CheckpointBenchmark benchmark = new CheckpointBenchmark(model, out)) {
            benchmark.save();
            measure(benchmark);
        }
        return 0;
    }

    private void measure(CheckpointBenchmark benchmark) throws IOException {
        long[] bytes = {0};
        double[][] seconds = new double[7][rounds];
        for (int round = 0; round < rounds; round++) {
            seconds[0][round] = time(benchmark::save);
            List<Path> files = files(benchmark.newest());
            bytes[0] = size(files);
            seconds[1][round] = time(() -> writePlainly(bytes[0]));
            seconds[2][round] = time(benchmark::load);
            seconds[3][round] = time(() -> readPlainly(files));
            dropCaches();
            seconds[4][round] = time(benchmark::load);
            dropCaches();
            seconds[5][round] = time(() -> readPlainly(files));
            seconds[6][round] = benchmark.pause() / 1e9;
        }
        PrintWriter out = spec.commandLine().getOut();
        out.printf(Locale.ROOT, "%s, %.1f MB, %d rounds, medians%n", model, bytes[0] / 1e6, rounds);
        print(out, "save", seconds[0], seconds[1]);
        print(out, "load, cached by the system", seconds[2], seconds[3]);
        print(
                out,
                Files.isWritable(DROP_CACHES) ? "load, from disk" : "load, cached again",
                seconds[4],
                seconds[5]);
        out.printf(Locale.ROOT, "pause of a save in the background: %.3f s%n", median(seconds[6]));
        out.flush();
    }

    private static void print(PrintWriter out, String name, double[] ours, double[] plain) {
        double[] ratios = new double[ours.length];
        Arrays.setAll(ratios, i -> ours[i] / plain[i]);
        Arrays.sort(ratios);
        out.printf(
                Locale.ROOT,
                "%s: %.3f s, plain file %.3f s, ratio %.2f (%.2f to %.2f)%n",
                name,
                median(ours),
                median(plain),
                median(ratios),
                ratios[0],
                ratios[ratios.length - 1]);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static double time(Action action) throws IOException {
        long begin = System.nanoTime();
        action.run();
        return (System.nanoTime() - begin) / 1e9;
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }

    private static long size(List<Path> files) throws IOException {
        long size = 0;
        for (Path file : files) {
            size += Files.size(file);
        }
        return size;
    }

    private void writePlainly(long bytes) throws IOException {
        Path file = out.resolve("plain");
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            for (long left = bytes; left > 0; left -= CHUNK) {
                chunk.clear().limit((int) Math.min(left, CHUNK));
                while (chunk.hasRemaining()) {
                    channel.write(chunk);
                }
            }
            channel.force(true);
        }
        Files.delete(file);
    }

    private void readPlainly(List<Path> files) throws IOException {
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                int count;
                do {
                    count = channel.read(chunk.clear());
                } while (count >= 0);
            }
        }
    }

    private static void dropCaches() throws IOException {
        if (Files.isWritable(DROP_CACHES)) {
            Files.writeString(DROP_CACHES, "3");
        }
    }
}
