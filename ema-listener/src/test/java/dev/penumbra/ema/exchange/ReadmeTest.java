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
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The method card's code compiles and runs. */
final class ReadmeTest {

    private static final Path SOURCE =
            Path.of("src/test/java/dev/penumbra/ema/exchange/ReadmeTest.java");

    @Test
    void exchange_runs(@TempDir Path directory) throws IOException {
        Path file = directory.resolve("average.safetensors");
        try (Model model = Fixture.network();
                WeightAverages averages =
                        WeightAverages.of(model, EmaConfig.of(new ConstantDecay(0.5)))) {
            WeightAverage average = averages.main();
            averages.update();
            NDArray images = Fixture.answer("input", model.getNDManager());
            NDList output =
                    exchange(model, average, file, Fixture.path("diffusers"), new NDList(images));
            assertEquals(
                    Fixture.bytes(average.arrays(), Fixture.names(model)), Fixture.tensors(file));
            NDArray answer = Fixture.answer("diffusers", model.getNDManager());
            assertArrayEquals(
                    answer.toFloatArray(), output.singletonOrThrow().toFloatArray(), 1e-6f);
        }
    }

    private static NDList exchange(
            Model model, WeightAverage average, Path file, Path folder, NDList input)
            throws IOException {
        NDList result;
        // readme:exchange
        ParameterNames names = ParameterNames.torch(model.getBlock(), List.of("conv", "bn", "fc"));
        WeightsFile.write(file, average, names, ExportSettings.torch());

        try (ForeignAverage foreign =
                ForeignAverage.read(
                        folder,
                        model,
                        names,
                        AverageLayout.DIFFUSERS_EMA_MODEL,
                        ImportSettings.strict())) {
            NDList output = foreign.weights().forward(input); // or evaluate, save, copyToModel
            result = output; // not in the readme
        }
        // readme:end
        return result;
    }

    @Test
    void exchange_isThisSource() throws IOException {
        String code =
                between(Files.readString(SOURCE), "// readme:" + "exchange\n", "// readme:" + "end")
                        .lines()
                        .filter(line -> !line.endsWith("// not in the readme"))
                        .reduce("", (text, line) -> text + line + "\n")
                        .stripTrailing()
                        .stripIndent()
                        .strip();
        String readme = Files.readString(Path.of("README.md"));
        assertEquals(code, between(readme, "<!-- readme:exchange -->\n```java\n", "```").strip());
    }

    private static String between(String text, String begin, String end) {
        int from = text.indexOf(begin) + begin.length();
        assertTrue(from >= begin.length(), begin);
        return text.substring(from, text.indexOf(end, from));
    }
}
