// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.vae;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import dev.penumbra.examples.Output;
import dev.penumbra.examples.run.Interrupted;
import dev.penumbra.examples.run.RunFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The program on the sample: ten steps of 100 images. */
final class TrainVaeWithEmaTest {

    private static final String EVERY = " --checkpoint-every-steps 4";

    @TempDir static Path folder;

    private static Path whole;
    private static Output output;

    @BeforeAll
    static void run() {
        whole = folder.resolve("whole");
        output = Output.of(arguments(whole));
        assertEquals(0, output.code(), output.err());
    }

    private static String[] arguments(Path out, String... more) {
        List<String> args = new ArrayList<>(List.of("vae", "--smoke", "--threads", "1"));
        args.addAll(List.of("--batch-size", "100", "--out", out.toString()));
        args.addAll(List.of(more));
        return args.toArray(String[]::new);
    }

    @Test
    void run_leavesLogModelsAndReport() throws IOException {
        String page = Files.readString(whole.resolve("report.html"));
        for (String part :
                List.of(
                        "KL-VAE on CIFAR-10",
                        "Reconstructions",
                        "Samples, EMA weights",
                        "Latent traversals",
                        "Interpolation",
                        "Divergence by channel")) {
            assertTrue(page.contains(part), part);
        }
        assertFalse(page.contains("This run is incomplete"));
        assertTrue(Files.exists(whole.resolve("models/seed-0/online-0001.params")));
        assertTrue(Files.exists(whole.resolve("models/seed-0/ema-0001.params")));
        assertFalse(Files.exists(whole.resolve("checkpoints")));
        assertTrue(output.out().contains("PSNR, dB"), output.out());
    }

    /** What is logged is plausible: PSNR and mean absolute error belong to the same images. */
    @Test
    void evaluation_isOfImagesBetweenMinusOneAndOne() throws IOException {
        JsonObject epoch = RunFiles.events(whole, "epoch").get(0);
        for (String weights : List.of("online", "ema")) {
            JsonObject scores = epoch.getAsJsonObject(weights);
            double error = scores.get("reconstruction").getAsDouble();
            // The root of the mean square is at least the mean of the absolute values, and in
            // natural images at most twice as large; the mean of logarithms differs by less.
            double least = 20 * Math.log10(2 / (2 * error));
            double psnr = scores.get("psnr").getAsDouble();
            assertTrue(psnr > least && psnr < least + 8, psnr + " " + error);
            assertEquals(8, scores.getAsJsonArray("kl_per_channel").size());
        }
    }

    @Test
    void report_ofTheLog_isTheSame() throws IOException {
        String page = Files.readString(whole.resolve("report.html"));
        Output again = Output.of("report", whole.toString());
        assertEquals(0, again.code(), again.err());
        assertEquals(page, Files.readString(whole.resolve("report.html")));
        Output markdown = Output.of("report", "--markdown", whole.toString());
        assertTrue(markdown.out().contains("| PSNR, dB | "), markdown.out());
    }

    @ParameterizedTest
    @CsvSource({"7, 4", "3, 0"})
    void interrupted_resumed_equalsWhole(int stop, int step) throws IOException {
        Path run = folder.resolve("stopped at " + stop);
        String[] all = arguments(run, EVERY.strip().split(" "));
        String[] options = List.of(all).subList(1, all.length).toArray(String[]::new);
        Interrupted.run(TrainVaeWithEma::new, TrainVaeWithEma::observe, stop, options);
        Output resumed = Output.of("vae", "--resume", run.toString());
        assertEquals(0, resumed.code(), resumed.err());
        assertEquals(step, RunFiles.events(run, "resume").get(0).get("step").getAsInt());
        Path log = run.resolve("run.jsonl");
        String text = Files.readString(log);
        String args = EVERY.replace(" ", "\",\"").substring(1) + "\"";
        assertTrue(text.contains(EVERY) && text.contains(args), text);
        Files.writeString(log, text.replace(EVERY, "").replace(args, ""));
        RunFiles.assertSame(whole, run);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--kl-weight -1 | --kl-weight must be finite and at least 0, got -1.0",
                "--beta1 1 | --beta1 must be in [0, 1), got 1.0",
                "--epochs 0 | --epochs must be at least 1, got 0",
                "--lr 0 | --lr must be finite and above 0, got 0.0",
                "--decay 1 | decay must be in [0, 1), got 1.0"
            })
    void option_outOfRange_isRefused(String options, String message) {
        List<String> args = new ArrayList<>(List.of("vae", "--smoke"));
        args.addAll(List.of("--out", folder.resolve("refused").toString()));
        args.addAll(List.of(options.split(" ")));
        Output refused = Output.of(args.toArray(String[]::new));
        assertEquals(2, refused.code());
        assertEquals("error: " + message + "\n", refused.err());
    }
}
