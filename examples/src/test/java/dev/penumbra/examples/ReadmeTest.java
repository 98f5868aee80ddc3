// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.core.Linear;
import ai.djl.training.DefaultTrainingConfig;
import ai.djl.training.EasyTrain;
import ai.djl.training.Trainer;
import ai.djl.training.TrainingConfig;
import ai.djl.training.dataset.ArrayDataset;
import ai.djl.training.dataset.Dataset;
import ai.djl.training.evaluator.Accuracy;
import ai.djl.training.loss.Loss;
import dev.penumbra.ema.EmaTrainingListener;
import dev.penumbra.ema.schedule.Presets;
import dev.penumbra.examples.report.RunLog;
import dev.penumbra.examples.report.Summary;
import dev.penumbra.examples.report.VaeReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The README's code compiles and runs, and its figures are those of the report. */
final class ReadmeTest {

    private static final Path ROOT = Path.of("..");
    private static final Path SOURCE =
            Path.of("src/test/java/dev/penumbra/examples/ReadmeTest.java");

    @Test
    void use_runs(@TempDir Path directory) throws Exception {
        try (NDManager manager = NDManager.newBaseManager()) {
            Dataset data =
                    new ArrayDataset.Builder()
                            .setData(manager.randomNormal(new Shape(16, 4)))
                            .optLabels(manager.zeros(new Shape(16), DataType.FLOAT32))
                            .setSampling(4, false)
                            .build();
            Block net = Linear.builder().setUnits(3).build();
            Map<String, Float> averaged = use(net, new Shape(1, 4), 1, data, data, directory);
            assertTrue(averaged.containsKey("Accuracy"));
            assertTrue(Files.exists(directory.resolve("net-ema-0000.params")));
        }
    }

    private static Map<String, Float> use(
            Block block,
            Shape inputShape,
            int epochs,
            Dataset training,
            Dataset validation,
            Path directory)
            throws Exception {
        Map<String, Float> result;
        // readme:use
        EmaTrainingListener ema =
                EmaTrainingListener.builder().setSchedule(Presets.shortTraining()).build();
        TrainingConfig config =
                new DefaultTrainingConfig(Loss.softmaxCrossEntropyLoss())
                        .addEvaluator(new Accuracy())
                        .addTrainingListeners(ema); // the one line
        try (Model model = Model.newInstance("net")) {
            model.setBlock(block);
            try (Trainer trainer = model.newTrainer(config)) {
                trainer.initialize(inputShape);
                EasyTrain.fit(trainer, epochs, training, validation);
                Map<String, Float> averaged = ema.evaluate(trainer, validation);
                result = averaged; // not in the readme
            }
            ema.save(directory, "net-ema"); // an ordinary DJL model
        }
        // readme:end
        return result;
    }

    @Test
    void use_isThisSource() throws IOException {
        String code =
                between(Files.readString(SOURCE), "// readme:" + "use\n", "// readme:" + "end")
                        .lines()
                        .filter(line -> !line.endsWith("// not in the readme"))
                        .reduce("", (text, line) -> text + line + "\n")
                        .stripTrailing()
                        .stripIndent()
                        .strip();
        assertEquals(code, block("<!-- readme:use -->\n```java\n", "```").strip());
    }

    @Test
    void result_isTheReports() throws IOException {
        Path report = ROOT.resolve("examples/reports/cifar10-ema");
        String table = Summary.of(RunLog.read(report)).markdownTable().strip();
        assertEquals(table, block("<!-- readme:result -->\n", "Generated from").strip());
        assertTrue(Files.readString(report.resolve("README.md")).contains(table));
    }

    @Test
    void vaeResult_isTheReports() throws IOException {
        Path report = ROOT.resolve("examples/reports/vae-cifar10");
        String table = VaeReport.read(report).markdownTable().strip();
        assertEquals(table, block("<!-- readme:vae-result -->\n", "Generated from").strip());
        assertTrue(Files.readString(report.resolve("README.md")).contains(table));
    }

    private static String block(String begin, String end) throws IOException {
        return between(Files.readString(ROOT.resolve("README.md")), begin, end);
    }

    private static String between(String text, String begin, String end) {
        int from = text.indexOf(begin) + begin.length();
        assertTrue(from >= begin.length(), begin);
        return text.substring(from, text.indexOf(end, from));
    }
}
