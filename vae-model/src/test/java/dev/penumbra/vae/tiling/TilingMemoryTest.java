// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.tiling;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Peaks of processes of their own, which other tests have not touched. */
@EnabledOnOs(OS.LINUX)
final class TilingMemoryTest {

    @TempDir private Path folder;

    private double[] run(String direction, int tileSize) throws Exception {
        Path output = folder.resolve("output");
        List<String> command =
                List.of(
                        System.getProperty("java.home") + File.separator + "bin/java",
                        "-Dai.djl.pytorch.num_threads=1",
                        "-Dai.djl.offline=true",
                        "-Xmx128m",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        TilingMemoryProgram.class.getName(),
                        "narrow",
                        direction,
                        "1024",
                        Integer.toString(tileSize));
        Process process =
                new ProcessBuilder(command)
                        .redirectOutput(output.toFile())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        assertEquals(0, process.waitFor());
        return numbers(output);
    }

    private static double[] numbers(Path output) throws IOException {
        String[] words = Files.readString(output).strip().split(" ", -1);
        return new double[] {Double.parseDouble(words[0]), Double.parseDouble(words[3])};
    }

    /** An activation of the highest resolution has 64 MiB, and the whole pass three of them. */
    @ParameterizedTest
    @ValueSource(strings = {"encode", "decode"})
    void tiles_takeAThirdOfTheMemoryAtMost(String direction) throws Exception {
        double[] whole = run(direction, 0);
        double[] tiled = run(direction, 128);
        assertTrue(whole[0] > 3 * 64, "whole " + whole[0]);
        assertTrue(tiled[0] < whole[0] / 3, "tiled " + tiled[0] + " whole " + whole[0]);
        assertEquals(whole[1], tiled[1], 1e-5 * whole[1]);
    }
}
