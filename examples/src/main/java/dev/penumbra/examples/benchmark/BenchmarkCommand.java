// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.benchmark;

import ai.djl.engine.Engine;
import ai.djl.translate.TranslateException;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.examples.Environment;
import dev.penumbra.examples.UsageException;
import dev.penumbra.examples.benchmark.UpdateBenchmark.Variant;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Times one update of the average on request, one JSON line per request, so that another process
 * can measure a peer in turn.
 */
@Command(
        name = "benchmark",
        description = {
            "Times one update of the average for each JSON line on standard input, such as",
            "{\"case\": \"resnet50\", \"warmup\": 10, \"repeats\": 50}.",
            "Cases: cifar10, mobilenetv3_small_100, resnet50, vit_base_patch16_224 and training;",
            "vae times whole training steps of the small KL-VAE.",
            "Variants: UPDATE (default), GUARDED, TOGETHER and SEPARATE, of four averages.",
            "examples/peers/compare.py drives it beside timm."
        },
        mixinStandardHelpOptions = true,
        versionProvider = Environment.class)
public final class BenchmarkCommand implements Callable<Integer> {

    private static final String TRAINING = "training";
    private static final String VAE = "vae";

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(names = "--threads", paramLabel = "N", description = "Threads of one operation.")
    private @Nullable Integer threads;

    private @Nullable String current;
    private @Nullable UpdateBenchmark benchmark;
    private @Nullable VaeBenchmark vae;

    @Override
    public Integer call() throws IOException, TranslateException {
        if (threads != null) {
            if (threads < 1) {
                throw new UsageException("--threads must be at least 1, got " + threads);
            }
            Environment.useThreads(threads);
        }
        JsonObject ready = new JsonObject();
        ready.addProperty("ready", true);
        ready.addProperty("pytorch", Engine.getInstance().getVersion());
        print(ready);
        BufferedReader in =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine();
                line != null && !"quit".equals(line);
                line = in.readLine()) {
            print(answer(JsonParser.parseString(line).getAsJsonObject()));
        }
        close();
        return 0;
    }

    private void print(JsonObject answer) {
        spec.commandLine().getOut().println(answer);
        spec.commandLine().getOut().flush();
    }

    private JsonObject answer(JsonObject request) throws IOException, TranslateException {
        String name = request.get("case").getAsString();
        int warmup = request.get("warmup").getAsInt();
        int repeats = request.get("repeats").getAsInt();
        JsonObject answer = new JsonObject();
        answer.addProperty("case", name);
        if (TRAINING.equals(name)) {
            return timed(answer, TrainingBenchmark.run(warmup, repeats));
        }
        if (VAE.equals(name)) {
            return vae(answer, warmup, repeats);
        }
        UpdateBenchmark update = benchmark(name, variant(request));
        answer.addProperty("variant", variant(request).name());
        for (int i = 0; i < warmup; i++) {
            update.update();
        }
        long[] nanos = new long[repeats];
        for (int i = 0; i < repeats; i++) {
            nanos[i] = update.update();
        }
        answer.addProperty("tensors", update.tensors());
        answer.addProperty("elements", update.elements());
        return timed(answer, nanos);
    }

    private JsonObject vae(JsonObject answer, int warmup, int repeats)
            throws IOException, TranslateException {
        if (vae == null) {
            vae = new VaeBenchmark();
        }
        long[] nanos = new long[warmup + repeats];
        for (int i = 0; i < nanos.length; i++) {
            nanos[i] = vae.step();
        }
        answer.addProperty("parameters", vae.parameters());
        answer.addProperty("peak_mb", Environment.peakResidentMb());
        return timed(answer, Arrays.copyOfRange(nanos, warmup, nanos.length));
    }

    private static JsonObject timed(JsonObject answer, long[] nanos) {
        Arrays.sort(nanos);
        answer.addProperty("median_us", nanos[nanos.length / 2] / 1e3);
        answer.addProperty("min_us", nanos[0] / 1e3);
        answer.addProperty("p90_us", nanos[nanos.length * 9 / 10] / 1e3);
        return answer;
    }

    private static Variant variant(JsonObject request) {
        if (!request.has("variant")) {
            return Variant.UPDATE;
        }
        String name = request.get("variant").getAsString();
        for (Variant variant : Variant.values()) {
            if (variant.name().equals(name)) {
                return variant;
            }
        }
        throw new UsageException(
                "variant must be one of " + List.of(Variant.values()) + ", got " + name);
    }

    private UpdateBenchmark benchmark(String name, Variant variant) throws IOException {
        String key = name + " " + variant;
        if (benchmark == null || !key.equals(current)) {
            close();
            benchmark = new UpdateBenchmark(name, variant);
            current = key;
        }
        return benchmark;
    }

    private void close() {
        if (benchmark != null) {
            benchmark.close();
            benchmark = null;
        }
        if (vae != null) {
            vae.close();
            vae = null;
        }
    }
}
