// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.penumbra.examples.Output;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Puts values of every kind where a log has values of another. */
final class BrokenLogTest {

    private static final List<String> KINDS =
            List.of(
                    "null",
                    "true",
                    "-3",
                    "0.5",
                    "2147483647",
                    "1e999",
                    "\"x\"",
                    "[]",
                    "[null]",
                    "[[\"x\"]]",
                    "[{\"a\":1}]",
                    "{}",
                    "{\"a\":[1]}");

    @TempDir Path folder;

    /** Reads a log and makes everything of it that depends on its values. */
    private interface Reader {

        void read(Path folder) throws IOException;
    }

    @Test
    void read_anyKindInAnyField_readOrRefusedByName() throws IOException {
        SampleRun.write(folder, 1, 1);
        int refused =
                replaceEach(
                        firstOfEach(),
                        folder -> {
                            Run run = RunLog.read(folder);
                            RunProgress.read(folder);
                            ReportModel.of(run, Summary.of(run));
                        });
        assertTrue(refused > 400, "refused " + refused);
    }

    @Test
    void readVae_anyKindInAnyField_readOrRefusedByName() throws IOException {
        try (RunLog log = RunLog.open(folder)) {
            log.append(SampleRun.start("Test", List.of(0), 1));
            log.append(new VaeEvent.Batch(0, 1, 5, 5, 1.0, 2.0, 0.1, 0.9, 1.0, 2.0, 3.0));
            VaeEvent.Evaluation result =
                    new VaeEvent.Evaluation(0.1, 20.0, 0.8, 12.0, 2, List.of(4.0, 8.0));
            log.append(
                    new VaeEvent.Epoch(
                            0, 1, 10, 5.5, 0.5, result, result, List.of("w"), 1.0, 0.9, 1.5, 100.));
            log.append(new VaeEvent.SeedEnded(0, List.of(new VaeEvent.Picture("a", "b", "c"))));
            log.append(new RunEvent.Ended(5));
        }
        int refused =
                replaceEach(
                        firstOfEach(),
                        folder -> {
                            VaeRun run = VaeRun.read(folder);
                            RunProgress.read(folder);
                            VaeSummary.of(run).json();
                            VaeCurves curves = new VaeCurves(run);
                            curves.training();
                            curves.losses();
                            curves.latents();
                            curves.averaging();
                        });
        assertTrue(refused > 400, "refused " + refused);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "args | [[\"cifar10\"]] | args[0] must be text, got [\"cifar10\"]",
                "args | [\"cifar10\",{\"a\":1}] | args[1] must be text, got {\"a\":1}",
                "args | [null] | args[0] must be text, got null",
                "args | [5] | args[0] must be text, got 5",
                "args | {} | args must be a list, got {}",
                "classes | [[\"a\"]] | classes[0] must be text, got [\"a\"]",
                "seeds | [0,\"1\"] | seeds[1] must be an integer, got \"1\"",
                "versions | {\"penumbra\":[\"1\"]} | versions.penumbra must be text, got [\"1\"]",
                "data | {} | data.name must be text, got nothing",
                "title | [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
                        + "23,24,25,26,27,28,29,30,31]"
                        + "| title must be text, got [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,"
                        + "15,16,17,18,19,20,21,22,23,24,25,26,27,28,29..."
            })
    void report_wrongKind_oneLine(String field, String value, String message) throws IOException {
        SampleRun.write(folder, 1, 1);
        Path log = folder.resolve("run.jsonl");
        List<String> lines = new ArrayList<>(Files.readAllLines(log));
        JsonObject first = JsonParser.parseString(lines.get(0)).getAsJsonObject();
        first.add(field, JsonParser.parseString(value));
        lines.set(0, first.toString());
        Files.write(log, lines);
        Output refused =
                new Output(2, "", "error: Cannot read %s, line 1: %s\n".formatted(log, message));
        assertEquals(refused, Output.of("report", folder.toString()));
        assertEquals(refused, Output.of("cifar10", "--resume", folder.toString()));
    }

    @Test
    void endOfLast_wrongKind_namesFileAndLine() throws IOException {
        Path log = folder.resolve("run.jsonl");
        Files.writeString(log, "\n{\"event\":[]}\n");
        try (RunLog open = RunLog.open(folder)) {
            IOException e = assertThrows(IOException.class, () -> open.endOfLast(List.of("run")));
            assertEquals(
                    "Cannot read " + log + ", line 2: event must be text, got []", e.getMessage());
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "`` | it is not a JSON object",
                "[] | it is not a JSON object",
                "{\"title\":1} | title must be text, got 1",
                "{\"title\":\"a\",\"args\":[[\"x\"]]} | args[0] must be text, got [\"x\"]",
                "{\"title\":\"a\",\"members\":[5]} | members[0] must be an object, got 5",
                "{\"title\":\"a\",\"members\":[{\"folder\":\"a\",\"group\":{}}]}"
                        + "| members[0].group must be text, got {}"
            })
    void study_wrongKind_namesFileAndField(String text, String message) throws IOException {
        Path file = Files.writeString(folder.resolve("study.json"), text);
        assertEquals(
                new Output(2, "", "error: Cannot read %s: %s\n".formatted(file, message)),
                Output.of("report", folder.toString()));
        assertEquals(
                new Output(2, "", "error: Cannot read %s: %s\n".formatted(file, message)),
                Output.of("vae", "--resume", folder.toString()));
    }

    /** Resuming reads some lines of an ended run, and its report all. */
    @Test
    void resumeOfEndedRun_wrongKindInABatch_oneLine() throws IOException {
        SampleRun.write(folder, 1, 1);
        Path log = folder.resolve("run.jsonl");
        List<String> lines = new ArrayList<>(Files.readAllLines(log));
        lines.set(2, lines.get(2).replaceFirst("\"loss\":[^,]*", "\"loss\":[0.5]"));
        Files.write(log, lines);
        assertEquals(
                new Output(
                        2,
                        "Nothing to resume: the run has ended\n",
                        "error: Cannot read %s, line 3: loss must be a number, got [0.5]\n"
                                .formatted(log)),
                Output.of("cifar10", "--resume", folder.toString()));
    }

    @Test
    void resumeOfStudy_wrongKindInTheLogOfARun_oneLine() throws IOException {
        new Study("T", List.of(), List.of(new Study.Member("a", "g", "n", List.of())))
                .write(folder);
        Path run = folder.resolve("a");
        try (RunLog log = RunLog.open(run)) {
            log.append(SampleRun.start("Test", List.of(0), 1));
        }
        Path log = run.resolve("run.jsonl");
        Files.writeString(log, "{\"event\":\"end\",\"seconds\":{}}\n", StandardOpenOption.APPEND);
        assertEquals(
                new Output(
                        2,
                        "",
                        "error: Cannot read %s, line 2: seconds must be a number, got {}\n"
                                .formatted(log)),
                Output.of("vae", "--resume", folder.toString()));
    }

    @Test
    void study_written_readBack() throws IOException {
        Study study =
                new Study(
                        "T",
                        List.of("--seed", "1"),
                        List.of(new Study.Member("a", "b", "c", List.of("--beta1=0.5"))));
        study.write(folder);
        assertEquals(study, Study.read(folder));
    }

    /** The first line of each event, which keeps the log short. */
    private List<JsonObject> firstOfEach() throws IOException {
        Map<String, JsonObject> lines = new LinkedHashMap<>();
        for (String line : Files.readAllLines(folder.resolve("run.jsonl"))) {
            JsonObject object = JsonParser.parseString(line).getAsJsonObject();
            lines.putIfAbsent(object.get("event").getAsString(), object);
        }
        return new ArrayList<>(lines.values());
    }

    /** Returns how many logs were refused. */
    private int replaceEach(List<JsonObject> lines, Reader reader) throws IOException {
        int refused = 0;
        for (int i = 0; i < lines.size(); i++) {
            JsonObject whole = lines.get(i);
            for (String name : List.copyOf(whole.keySet())) {
                refused +=
                        replace(lines, i, name, whole.get(name), v -> whole.add(name, v), reader);
            }
        }
        return refused;
    }

    /** Replaces a value by each kind, then what is in it. */
    private int replace(
            List<JsonObject> lines,
            int line,
            String name,
            JsonElement value,
            Consumer<JsonElement> put,
            Reader reader)
            throws IOException {
        int refused = 0;
        for (String kind : KINDS) {
            put.accept(JsonParser.parseString(kind));
            refused += refused(lines, line, name, kind, reader) ? 1 : 0;
        }
        put.accept(value);
        if (value instanceof JsonObject object) {
            for (String inner : List.copyOf(object.keySet())) {
                JsonElement old = object.get(inner);
                refused += replace(lines, line, inner, old, v -> object.add(inner, v), reader);
            }
        } else if (value instanceof JsonArray array && !array.isEmpty()) {
            refused += replace(lines, line, name, array.get(0), v -> array.set(0, v), reader);
        }
        return refused;
    }

    private boolean refused(
            List<JsonObject> lines, int line, String name, String kind, Reader reader)
            throws IOException {
        Path log = folder.resolve("run.jsonl");
        Files.write(log, lines.stream().map(JsonObject::toString).toList());
        String where = "line " + (line + 1) + ", " + name + " = " + kind;
        try {
            reader.read(folder);
            return false;
        } catch (IOException e) {
            String message = String.valueOf(e.getMessage());
            assertTrue(message.startsWith("Cannot read " + log + ", line "), where + message);
            return true;
        } catch (RuntimeException e) {
            throw new AssertionError(where, e);
        }
    }
}
