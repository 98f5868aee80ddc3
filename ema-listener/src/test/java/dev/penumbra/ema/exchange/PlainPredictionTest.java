// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.exchange;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import dev.penumbra.ema.EmaConfig;
import dev.penumbra.ema.WeightAverage;
import dev.penumbra.ema.WeightAverages;
import dev.penumbra.ema.schedule.ConstantDecay;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import plain.PlainPrediction;

/** Averaged weights that were saved as a model of DJL need only DJL. */
final class PlainPredictionTest {

    @TempDir private Path folder;

    @Test
    void savedAverage_predictsTheSameWithoutThisLibrary() throws Exception {
        float[] expected;
        try (Model model = Fixture.network();
                WeightAverages averages =
                        WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            WeightsFile.load(
                    Fixture.path("parameters.safetensors"),
                    model,
                    Fixture.names(model),
                    ImportSettings.strict());
            averages.update();
            average.save(folder, "averaged");
            NDArray images = Fixture.answer("input", model.getNDManager());
            write(images.toFloatArray());
            expected = average.forward(new NDList(images)).singletonOrThrow().toFloatArray();
        }
        predict();
        assertArrayEquals(expected, read(expected.length), 0f);
    }

    private Path file(String name) {
        return folder.resolve(name);
    }

    private void predict() throws IOException, InterruptedException {
        Path classes = folder.resolve("classes/plain");
        Files.createDirectories(classes);
        String resource = "/plain/PlainPrediction.class";
        try (InputStream in = PlainPrediction.class.getResourceAsStream(resource)) {
            Files.copy(Objects.requireNonNull(in), classes.resolve("PlainPrediction.class"));
        }
        List<String> command =
                List.of(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Dai.djl.pytorch.num_threads=1",
                        "-Dai.djl.offline=true",
                        "-cp",
                        classes.getParent() + File.pathSeparator + librariesOfOthers(),
                        PlainPrediction.class.getName(),
                        folder.toString(),
                        "averaged",
                        file("images").toString(),
                        file("answers").toString());
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(file("log").toFile())
                        .start();
        try {
            assertTrue(process.waitFor(2, TimeUnit.MINUTES), "the program hangs");
            assertEquals(0, process.exitValue(), Files.readString(file("log")));
        } finally {
            process.destroyForcibly();
        }
    }

    /** The class path of this test without folders and without archives of this project. */
    private static String librariesOfOthers() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> entry.endsWith(".jar") && !isOfThisProject(entry))
                .collect(Collectors.joining(File.pathSeparator));
    }

    private static boolean isOfThisProject(String archive) {
        try (JarFile jar = new JarFile(archive)) {
            return jar.stream().anyMatch(entry -> entry.getName().startsWith("dev/penumbra/"));
        } catch (IOException e) {
            throw new IllegalStateException(archive, e);
        }
    }

    private void write(float[] values) throws IOException {
        try (DataOutputStream out = new DataOutputStream(Files.newOutputStream(file("images")))) {
            out.writeInt(values.length);
            for (float value : values) {
                out.writeFloat(value);
            }
        }
    }

    private float[] read(int count) throws IOException {
        try (DataInputStream in = new DataInputStream(Files.newInputStream(file("answers")))) {
            float[] values = new float[count];
            for (int i = 0; i < count; i++) {
                values[i] = in.readFloat();
            }
            assertEquals(-1, in.read());
            return values;
        }
    }
}
