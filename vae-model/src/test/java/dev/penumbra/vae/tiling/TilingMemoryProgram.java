// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.training.ParameterStore;
import dev.penumbra.vae.AutoencoderKL;
import dev.penumbra.vae.AutoencoderKLConfig;
import dev.penumbra.vae.AutoencoderKLConfig.OddSizes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * Prints how much memory a pass takes, by how many MiB the peak of the process is above what it had
 * before and how many MiB that peak is, then the seconds of processors and the mean of the absolute
 * output.
 *
 * <p>Arguments: {@code narrow} or {@code klF8}, {@code encode} or {@code decode}, the height and
 * width of the image, the size of a tile or 0 for no tiles.
 */
public final class TilingMemoryProgram {

    private static final Path STATUS = Path.of("/proc/self/status");

    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private TilingMemoryProgram() {}

    /**
     * Runs one pass.
     *
     * @param args see above
     */
    public static void main(String[] args) throws IOException {
        AutoencoderKLConfig config = args[0].equals("klF8") ? AutoencoderKLConfig.klF8() : narrow();
        boolean encode = args[1].equals("encode");
        long size = Long.parseLong(args[2]) / (encode ? 1 : config.scale());
        int tileSize = Integer.parseInt(args[3]);
        long channels = encode ? config.inChannels() : config.latentChannels();
        try (NDManager manager = NDManager.newBaseManager()) {
            ParameterStore store = new ParameterStore(manager, false);
            AutoencoderKL model = Models.random(config, manager, DataType.FLOAT32);
            NDArray input = Models.images(manager, DataType.FLOAT32, 1, channels, size, size);
            System.gc();
            Files.writeString(CLEAR, "5"); // the peak begins again
            long before = kib("VmRSS:");
            Duration begin = processors();
            NDArray output = pass(model, store, input, encode, tileSize);
            Duration taken = processors().minus(begin);
            long peak = kib("VmHWM:");
            System.out.printf(
                    Locale.ROOT,
                    "%d %d %.1f %.8f%n",
                    (peak - before) / 1024,
                    peak / 1024,
                    taken.toMillis() / 1e3,
                    output.abs().mean().getFloat());
        }
    }

    private static NDArray pass(
            AutoencoderKL model, ParameterStore store, NDArray input, boolean encode, int tileSize)
            throws IOException {
        if (tileSize == 0) {
            return encode ? model.moments(store, input, false) : model.decode(store, input, false);
        }
        TiledAutoencoderKL tiled = TiledAutoencoderKL.of(model, tileSize);
        return encode ? tiled.moments(store, input) : tiled.decode(store, input);
    }

    private static AutoencoderKLConfig narrow() {
        return new AutoencoderKLConfig(
                3, 3, 4, List.of(16, 16, 32, 32), 1, 8, Set.of(), true, true, OddSizes.REJECT);
    }

    private static Duration processors() {
        return ProcessHandle.current().info().totalCpuDuration().orElseThrow();
    }

    private static long kib(String name) throws IOException {
        for (String line : Files.readAllLines(STATUS)) {
            if (line.startsWith(name)) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        throw new IllegalStateException(STATUS + " must have " + name);
    }
}
