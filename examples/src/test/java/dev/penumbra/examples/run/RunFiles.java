// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.run;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;

/** What a run has left, without times, memory and its own path. */
public final class RunFiles {

    private static final Set<String> VARYING =
            Set.of(
                    "time",
                    "seconds",
                    "evaluation_seconds",
                    "seconds_per_epoch",
                    "images_per_second",
                    "rss_mb",
                    "heap_mb");

    private RunFiles() {}

    public static List<JsonObject> log(Path run) throws IOException {
        return Files.readAllLines(run.resolve("run.jsonl")).stream()
                .map(line -> JsonParser.parseString(line).getAsJsonObject())
                .toList();
    }

    public static List<JsonObject> events(Path run, String name) throws IOException {
        return log(run).stream().filter(e -> e.get("event").getAsString().equals(name)).toList();
    }

    /** Asserts that everything is as in another run, bit for bit. */
    public static void assertSame(Path expected, Path actual) throws IOException {
        assertEquals(lines(expected), lines(actual));
        assertEquals(models(expected), models(actual));
        assertEquals(files(expected), files(actual));
        if (Files.exists(expected.resolve("summary.json"))) {
            assertEquals(summary(expected), summary(actual));
        }
    }

    /** Every event but those of resuming. Numbers are as they were printed, which is exact. */
    private static String lines(Path run) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (JsonObject event : log(run)) {
            if (!event.get("event").getAsString().equals("resume")) {
                lines.append(anywhere(fixed(event).toString(), run)).append('\n');
            }
        }
        return lines.toString();
    }

    private static String anywhere(String text, Path run) {
        return text.replace(run.toString(), "RUN");
    }

    private static JsonElement fixed(JsonElement element) {
        if (element instanceof JsonObject object) {
            JsonObject copy = new JsonObject();
            object.entrySet().stream()
                    .filter(field -> !VARYING.contains(field.getKey()))
                    .forEach(field -> copy.add(field.getKey(), fixed(field.getValue())));
            return copy;
        }
        if (element instanceof JsonArray array) {
            JsonArray copy = new JsonArray();
            array.forEach(each -> copy.add(fixed(each)));
            return copy;
        }
        return element;
    }

    private static String summary(Path run) throws IOException {
        String text = Files.readString(run.resolve("summary.json"));
        return fixed(JsonParser.parseString(text)).toString();
    }

    private static List<String> files(Path run) throws IOException {
        try (Stream<Path> files = Files.walk(run)) {
            return files.map(file -> run.relativize(file).toString()).sorted().toList();
        }
    }

    private static String models(Path run) throws IOException {
        TreeMap<String, String> models = new TreeMap<>();
        Path folder = run.resolve("models");
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.filter(Files::isRegularFile).toList()) {
                    models.put(
                            folder.relativize(file).toString(),
                            HexFormat.of().formatHex(Files.readAllBytes(file)));
                }
            }
        }
        return models.toString();
    }
}
