// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.translate.TranslateException;
import com.google.gson.JsonObject;
import dev.penumbra.examples.Terminal;
import dev.penumbra.examples.data.MnistData;
import dev.penumbra.examples.run.FirstLine;
import dev.penumbra.examples.run.RunFiles;
import dev.penumbra.examples.run.RunFolder;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** The training on images of one channel, which are noise here. */
final class VaeSeedRunTest {

    private static final int TRAIN = 8;
    private static final int TEST = 20;

    @TempDir Path folder;

    @Command(name = "vae")
    private static final class Program {
        @Mixin private VaeOptions options = new VaeOptions();
    }

    private MnistData noise() throws IOException {
        write("train-images-idx3-ubyte", TRAIN);
        write("t10k-images-idx3-ubyte", TEST);
        return new MnistData(folder, "folder", Map.of(), TRAIN, TEST);
    }

    private void write(String file, int images) throws IOException {
        byte[] pixels = new byte[images * 28 * 28];
        new Random(images).nextBytes(pixels);
        ByteBuffer bytes = ByteBuffer.allocate(16 + pixels.length);
        bytes.putInt(2051).putInt(images).putInt(28).putInt(28).put(pixels);
        Files.write(folder.resolve(file), bytes.array());
    }

    @Test
    void mnist_hasTwoChannelsAndGreyPictures() throws IOException, TranslateException {
        Program program = new Program();
        CommandLine line = new CommandLine(program);
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.parseArgs("--dataset", "mnist", "--epochs", "1", "--batch-size", "4");
        MnistData data = noise();
        Path run = folder.resolve("run");
        Files.createDirectories(run);
        FirstLine first = new FirstLine(line.getCommandSpec(), data, Device.cpu());
        Terminal terminal = new Terminal(new PrintWriter(new StringWriter()));
        try (RunFolder out =
                        RunFolder.begin(
                                run, first.event("Digits", program.options.config(2), List.of(0)));
                VaeSeedRun training = new VaeSeedRun(0, program.options, data, out, terminal)) {
            assertTrue(training.run(run.resolve("models")));
        }
        JsonObject start = RunFiles.log(run).get(0).getAsJsonObject("data");
        assertEquals("MNIST", start.get("name").getAsString());
        assertEquals(TEST, start.get("test").getAsInt());
        JsonObject epoch = RunFiles.events(run, "epoch").get(0);
        assertEquals(2, epoch.getAsJsonObject("ema").getAsJsonArray("kl_per_channel").size());
        JsonObject end = RunFiles.events(run, "seed_end").get(0);
        assertEquals(5, end.getAsJsonArray("pictures").size());
        for (var picture : end.getAsJsonArray("pictures")) {
            requireGrey(picture.getAsJsonObject().get("png").getAsString());
        }
    }

    private static void requireGrey(String png) throws IOException {
        byte[] bytes = Base64.getDecoder().decode(png);
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(bytes));
        assertEquals(10 * 30 - 2, image.getWidth());
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                int rgb = image.getRGB(x, y) & 0xffffff;
                assertEquals(rgb & 0xff, rgb >> 8 & 0xff);
                assertEquals(rgb & 0xff, rgb >> 16);
            }
        }
    }
}
