// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.cifar10;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.training.dataset.Batch;
import ai.djl.training.dataset.Dataset;
import ai.djl.translate.NoopTranslator;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.ema.schedule.Decays;
import dev.penumbra.examples.Output;
import dev.penumbra.examples.data.Cifar10Data;
import dev.penumbra.examples.data.Cifar10Dataset;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainCifar10WithEmaTest {

    @TempDir static Path folder;

    /** Seed 0, seeds 0 and 1, seed 1. */
    private static Path zero;

    private static Path both;
    private static Path one;
    private static Output output;

    @BeforeAll
    static void run() {
        zero = folder.resolve("zero");
        both = folder.resolve("both");
        one = folder.resolve("one");
        output = smoke(zero, 32);
        smoke(both, 32, "--seeds", "2");
        smoke(one, 32, "--seed", "1");
    }

    @Test
    void output_endsWithThePathOfTheReport() {
        assertTrue(output.out().startsWith("epoch  1  test  online "), output.out());
        assertTrue(
                output.out().endsWith("\nReport: " + zero.resolve("report.html") + "\n"),
                output.out());
        assertFalse(output.err().contains("Exception"), output.err());
    }

    @Test
    void folder_holdsLogReportAndModels() throws IOException {
        try (Stream<Path> files = Files.walk(zero)) {
            assertEquals(
                    List.of(
                            "models/seed-0/ema-0001.params",
                            "models/seed-0/online-0001.params",
                            "report.html",
                            "run.jsonl",
                            "summary.json"),
                    files.filter(Files::isRegularFile)
                            .map(file -> zero.relativize(file).toString().replace('\\', '/'))
                            .sorted()
                            .toList());
        }
    }

    @Test
    void log_events() throws IOException {
        assertEquals(List.of("run", "seed", "epoch", "seed_end", "end"), names(zero));
        assertEquals(
                List.of("run", "seed", "epoch", "seed_end", "seed", "epoch", "seed_end", "end"),
                names(both));
    }

    @Test
    void firstLine_config() throws IOException {
        JsonObject config = log(zero).get(0).getAsJsonObject("config");
        assertEquals(
                "{\"epochs\":1,\"batch_size\":32,\"optimizer\":\"AdamW\",\"learning_rate\":"
                        + "\"EpochCosine[rate=0.001, minRate=1.0E-4, period=64, stepsPerEpoch=32]\""
                        + ",\"weight_decay\":0.01,\"average\":\""
                        + Decays.inversePower(0.9998, 1, 2.0 / 3)
                        + "\",\"seed\":0,\"seeds\":1,\"smoke\":true}",
                config.toString());
        assertEquals("[0]", log(zero).get(0).get("seeds").toString());
        assertEquals("[0,1]", log(both).get(0).get("seeds").toString());
    }

    @Test
    void firstLine_command() throws IOException {
        assertEquals(
                "examples/run cifar10 --smoke --out " + zero + " --threads 1 --batch-size 32",
                log(zero).get(0).get("command").getAsString());
    }

    @Test
    void firstLine_versionsAndHardware() throws IOException {
        JsonObject first = log(zero).get(0);
        JsonObject versions = first.getAsJsonObject("versions");
        assertEquals(
                Set.of("penumbra", "commit", "dirty", "java", "djl", "pytorch", "os"),
                versions.keySet());
        assertEquals(Runtime.version().toString(), versions.get("java").getAsString());
        assertEquals(Engine.getDjlVersion(), versions.get("djl").getAsString());
        assertEquals(Engine.getInstance().getVersion(), versions.get("pytorch").getAsString());
        JsonObject hardware = first.getAsJsonObject("hardware");
        assertEquals(
                Set.of("cpu", "cores", "threads", "memory_gb", "device", "gpu"), hardware.keySet());
        assertEquals(1, hardware.get("threads").getAsInt());
        assertEquals(
                Engine.getInstance().defaultDevice().toString(),
                hardware.get("device").getAsString());
    }

    @Test
    void firstLine_data() throws IOException {
        assertEquals(
                "{\"name\":\"CIFAR-10\",\"source\":\"sample\",\"train\":1000,\"test\":300,"
                        + "\"md5\":{\"data_batch.bin\":\"6672568c6f9da0ae2d58cd800deb0f83\","
                        + "\"test_batch.bin\":\"95c4bc76cb313d49e845ed2c7248341e\"}}",
                log(zero).get(0).get("data").toString());
        assertEquals(10, log(zero).get(0).getAsJsonArray("classes").size());
    }

    @Test
    void epoch_everyStepAveraged() throws IOException {
        JsonObject epoch = epochs(zero).get(0);
        assertEquals(1, epoch.get("epoch").getAsInt());
        assertEquals(32, epoch.get("step").getAsInt());
        assertEquals(
                Decays.inversePower(0.9998, 1, 2.0 / 3).decayAt(32),
                epoch.get("decay").getAsDouble());
        assertTrue(epoch.get("distance").getAsDouble() > 0);
        assertTrue(epoch.get("seconds").getAsDouble() > 0);
    }

    @Test
    void sameSeed_sameResults() throws IOException {
        assertEquals(results(zero, 0), results(both, 0));
    }

    /** What a seed does depends on nothing that an earlier seed left behind. */
    @Test
    void secondSeed_asIfRunAlone() throws IOException {
        assertEquals(results(one, 0), results(both, 1));
        for (String name : List.of("online", "ema")) {
            Path file = Path.of("models", "seed-1", name + "-0001.params");
            assertArrayEquals(
                    Files.readAllBytes(one.resolve(file)), Files.readAllBytes(both.resolve(file)));
        }
    }

    @Test
    void differentSeeds_differentResults() throws IOException {
        JsonObject first = epochs(both).get(0);
        JsonObject second = epochs(both).get(1);
        assertNotEquals(loss(first, "online"), loss(second, "online"));
        assertNotEquals(loss(first, "ema"), loss(second, "ema"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"online", "ema"})
    void model_reproducesTheLog(String name) throws Exception {
        JsonObject epoch = epochs(zero).get(0);
        assertNotEquals(loss(epoch, "online"), loss(epoch, "ema"));
        int right = 0;
        double loss = 0;
        Path models = zero.resolve("models").resolve("seed-0");
        try (Model model = load(models, name);
                Predictor<NDList, NDList> predictor = model.newPredictor(new NoopTranslator());
                NDManager manager = model.getNDManager().newSubManager()) {
            Dataset test =
                    Cifar10Dataset.of(
                            manager, Cifar10Data.sample(), Dataset.Usage.TEST, 1000, false);
            for (Batch batch : test.getData(manager)) {
                NDList logits = predictor.predict(batch.getData());
                assertEquals(new Shape(300, 10), logits.singletonOrThrow().getShape());
                float[] values = logits.singletonOrThrow().toFloatArray();
                long[] labels = batch.getLabels().singletonOrThrow().toLongArray();
                for (int i = 0; i < labels.length; i++) {
                    right += isRight(values, i, (int) labels[i]) ? 1 : 0;
                    loss += crossEntropy(values, i, (int) labels[i]);
                }
            }
        }
        JsonObject logged = epoch.getAsJsonObject(name);
        assertEquals(logged.get("accuracy").getAsDouble(), right / 300.0);
        // Sums of the same float32 logits in another order; the two models differ by more than
        // 0.01.
        assertEquals(logged.get("loss").getAsDouble(), loss / 300, 1e-9);
    }

    @Test
    void summary_holdsBothSeeds() throws IOException {
        JsonObject summary = json(Files.readString(both.resolve("summary.json")));
        assertTrue(summary.get("complete").getAsBoolean());
        JsonArray seeds = summary.getAsJsonArray("seeds");
        assertEquals(2, seeds.size());
        for (int i = 0; i < 2; i++) {
            JsonObject seed = seeds.get(i).getAsJsonObject();
            assertEquals(i, seed.get("seed").getAsInt());
            assertEquals(epochs(both).get(i).get("online"), seed.get("online"));
            assertEquals(epochs(both).get(i).get("ema"), seed.get("ema"));
        }
    }

    @Test
    void seedEnd_agreesWithTheAccuracies() throws IOException {
        JsonObject epoch = epochs(zero).get(0);
        JsonObject end = log(zero).get(3);
        JsonObject agreement = end.getAsJsonObject("agreement");
        int both = agreement.get("both_right").getAsInt();
        int online = both + agreement.get("only_online_right").getAsInt();
        int ema = both + agreement.get("only_ema_right").getAsInt();
        assertEquals(accuracy(epoch, "online"), online / 300.0);
        assertEquals(accuracy(epoch, "ema"), ema / 300.0);
        assertEquals(online, trace(end.getAsJsonObject("confusion").getAsJsonArray("online")));
        assertEquals(ema, trace(end.getAsJsonObject("confusion").getAsJsonArray("ema")));
    }

    /** The images are those of the predictions: the test set is read in its order. */
    @Test
    void seedEnd_labelsOfTheImages() throws IOException {
        JsonArray images = log(zero).get(3).getAsJsonArray("disagreements");
        assertEquals(12, images.size());
        for (JsonElement element : images) {
            JsonObject image = element.getAsJsonObject();
            int label = Cifar10Data.sample().label(image.get("index").getAsInt());
            assertEquals(label, image.get("label").getAsInt());
            assertNotEquals(image.get("online").getAsInt(), image.get("ema").getAsInt());
        }
    }

    @Test
    void report_loadsNothing() throws IOException {
        String page = Files.readString(zero.resolve("report.html"));
        assertTrue(page.contains("content=\"default-src 'none'; img-src data:;"));
        String markup = page.replaceAll("(?s)<script.*?</script>", "");
        Matcher loads =
                Pattern.compile("<[a-zA-Z][^<>]*\\s(?:src|href|srcset|action|data)=\"([^\"]*)\"")
                        .matcher(markup);
        while (loads.find()) {
            assertTrue(loads.group(1).matches("(?s)(#|data:).*"), loads.group(1));
        }
        assertFalse(page.contains("<script src"));
        assertFalse(markup.contains("@import"));
    }

    @Test
    void reportCommand_rewritesBothFiles() throws IOException {
        String summary = Files.readString(one.resolve("summary.json"));
        String page = Files.readString(one.resolve("report.html"));
        Files.writeString(one.resolve("summary.json"), "old");
        Files.delete(one.resolve("report.html"));
        Output report = Output.of("report", one.toString());
        assertEquals(0, report.code());
        assertEquals("", report.err());
        assertTrue(report.out().startsWith("Test set after 1 epoch, one seed\n"), report.out());
        assertEquals(summary, Files.readString(one.resolve("summary.json")));
        assertEquals(page, Files.readString(one.resolve("report.html")));
    }

    @Test
    void reportCommand_markdown_table() throws IOException {
        JsonObject epoch = epochs(zero).get(0);
        String difference =
                String.format(
                                Locale.ROOT,
                                "| Difference | %+.2f | %+.4f | 1 | |\n",
                                100 * (accuracy(epoch, "ema") - accuracy(epoch, "online")),
                                loss(epoch, "ema") - loss(epoch, "online"))
                        .replace('-', '\u2212');
        String expected =
                "| Weights | Test accuracy, % | Test loss | Seeds |"
                        + " 95 % interval of the accuracy, points |\n"
                        + "|---|---:|---:|---:|---:|\n"
                        + row("Online", epoch, "online")
                        + row("EMA", epoch, "ema")
                        + difference;
        Output report = Output.of("report", "--markdown", zero.toString());
        assertEquals(0, report.code());
        assertEquals("", report.err());
        assertTrue(report.out().contains(expected), report.out());
        assertTrue(report.out().startsWith("# CIFAR-10: online and EMA weights\n\n"));
    }

    /** 200 batches of 5 images. */
    @Test
    void batchEvent_afterTwoHundredBatches() throws IOException {
        Path run = folder.resolve("batches");
        String printed = smoke(run, 5).out();
        assertTrue(printed.startsWith("epoch  1  batch  200/200  loss "), printed);
        assertEquals(List.of("run", "seed", "batch", "epoch", "seed_end", "end"), names(run));
        JsonObject batch = log(run).get(2);
        assertEquals(200, batch.get("batch").getAsInt());
        assertEquals(200, batch.get("step").getAsInt());
        assertEquals(0.001f, batch.get("lr").getAsFloat());
        assertEquals(
                Decays.inversePower(0.9998, 1, 2.0 / 3).decayAt(200),
                batch.get("decay").getAsDouble());
        // A classifier that has learned something is better than guessing.
        assertTrue(batch.get("loss").getAsDouble() < Math.log(10));
        assertTrue(batch.get("ema_loss").getAsDouble() < Math.log(10));
        assertTrue(batch.get("images_per_second").getAsDouble() > 0);
    }

    /** Every option of the recipe reaches the optimizer or the average, after two steps. */
    @Test
    void options_changeTheResult() throws IOException {
        Path usual = folder.resolve("usual");
        smoke(usual, 500);
        JsonObject expected = epochs(usual).get(0);
        for (String option : List.of("--lr=0.01", "--weight-decay=1", "--seed=5")) {
            JsonObject epoch = shortRun(option);
            assertNotEquals(loss(expected, "online"), loss(epoch, "online"), option);
            assertNotEquals(loss(expected, "ema"), loss(epoch, "ema"), option);
        }
        for (String option : List.of("--no-warmup", "--warmup-power=2", "--warmup-gamma=3")) {
            JsonObject epoch = shortRun(option);
            assertEquals(loss(expected, "online"), loss(epoch, "online"), option);
            assertNotEquals(loss(expected, "ema"), loss(epoch, "ema"), option);
        }
        assertEquals(0.25, shortRun("--no-warmup", "--decay=0.25").get("decay").getAsDouble());
    }

    /** The largest int; sums with it are larger. */
    @Test
    void batchAboveData_oneStep() throws IOException {
        Path run = folder.resolve("one-step");
        smoke(run, 2147483647);
        assertEquals(1, epochs(run).get(0).get("step").getAsInt());
        assertEquals(
                "EpochCosine[rate=0.001, minRate=1.0E-4, period=2, stepsPerEpoch=1]",
                log(run).get(0).getAsJsonObject("config").get("learning_rate").getAsString());
    }

    private static JsonObject shortRun(String... options) throws IOException {
        Path run = folder.resolve(String.join("", options));
        smoke(run, 500, options);
        return epochs(run).get(0);
    }

    private static Output smoke(Path out, int batchSize, String... more) {
        List<String> args = new ArrayList<>();
        args.addAll(List.of("cifar10", "--smoke", "--out", out.toString()));
        args.addAll(List.of("--threads", "1", "--batch-size", Integer.toString(batchSize)));
        args.addAll(List.of(more));
        Output result = Output.of(args.toArray(String[]::new));
        assertEquals(0, result.code(), result.err());
        return result;
    }

    private static Model load(Path models, String name)
            throws IOException, MalformedModelException {
        Model model = Model.newInstance("cifar10");
        model.setBlock(TutorialNet.create());
        model.load(models, name);
        return model;
    }

    private static boolean isRight(float[] logits, int image, int label) {
        for (int c = 0; c < 10; c++) {
            if (logits[10 * image + c] > logits[10 * image + label]) {
                return false;
            }
        }
        return true;
    }

    private static double crossEntropy(float[] logits, int image, int label) {
        double sum = 0;
        for (int c = 0; c < 10; c++) {
            float logit = logits[10 * image + c];
            assertTrue(Float.isFinite(logit));
            sum += Math.exp(logit - logits[10 * image + label]);
        }
        return Math.log(sum);
    }

    private static List<JsonObject> log(Path run) throws IOException {
        return Files.readAllLines(run.resolve("run.jsonl")).stream()
                .map(TrainCifar10WithEmaTest::json)
                .toList();
    }

    private static JsonObject json(String text) {
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static List<String> names(Path run) throws IOException {
        return log(run).stream().map(line -> line.get("event").getAsString()).toList();
    }

    private static List<JsonObject> epochs(Path run) throws IOException {
        return log(run).stream()
                .filter(line -> line.get("event").getAsString().equals("epoch"))
                .toList();
    }

    /** Everything but times and memory; numbers as they are printed, which is exact. */
    private static String results(Path run, int index) throws IOException {
        JsonObject epoch = epochs(run).get(index).deepCopy();
        for (String name : List.of("seconds", "evaluation_seconds", "rss_mb", "heap_mb")) {
            epoch.remove(name);
        }
        return epoch.toString();
    }

    private static double accuracy(JsonObject epoch, String weights) {
        return epoch.getAsJsonObject(weights).get("accuracy").getAsDouble();
    }

    private static double loss(JsonObject epoch, String weights) {
        return epoch.getAsJsonObject(weights).get("loss").getAsDouble();
    }

    private static int trace(JsonArray matrix) {
        int sum = 0;
        for (int i = 0; i < matrix.size(); i++) {
            JsonElement row = matrix.get(i);
            sum += row.getAsJsonArray().get(i).getAsInt();
        }
        return sum;
    }

    private static String row(String name, JsonObject epoch, String weights) {
        return String.format(
                Locale.ROOT,
                "| %s | %.2f | %.4f | 1 | |\n",
                name,
                100 * accuracy(epoch, weights),
                loss(epoch, weights));
    }
}
