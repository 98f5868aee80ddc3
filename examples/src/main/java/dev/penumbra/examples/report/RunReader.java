// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Collects the lines of a log into a {@link Run}. */
final class RunReader {

    private static final Gson GSON = new GsonBuilder().setStrictness(Strictness.STRICT).create();

    private final Path file;
    private final Map<Integer, Seed> seeds = new LinkedHashMap<>();
    private RunEvent.@Nullable Started start;
    private @Nullable Double seconds;
    private boolean cutOff;

    private RunReader(Path file) {
        this.file = file;
    }

    static Run read(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new NoSuchFileException(
                    "Cannot read run from " + folder + ": there is no such folder");
        }
        Path file = folder.resolve(RunLog.FILE_NAME);
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(
                    "Cannot read run from " + folder + ": it has no " + RunLog.FILE_NAME);
        }
        return new RunReader(file).read();
    }

    private Run read() throws IOException {
        String text = Files.readString(file, StandardCharsets.ISO_8859_1);
        // Split as Latin-1: a half last line may end inside a UTF-8 sequence.
        String[] lines = text.split("\n", -1);
        for (int i = 0; i < lines.length; i++) {
            boolean last = i == lines.length - 1;
            String line =
                    new String(
                            lines[i].getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
            if (line.isBlank()) {
                continue;
            }
            add(i + 1, line, last);
        }
        if (start == null) {
            throw new IOException("Cannot read " + file + ": it has no complete line");
        }
        List<Run.SeedLog> logs =
                seeds.entrySet().stream().map(e -> e.getValue().log(e.getKey())).toList();
        return new Run(start, logs, seconds, cutOff);
    }

    private void add(int number, String line, boolean last) throws IOException {
        JsonObject object;
        try {
            object = GSON.fromJson(line, JsonObject.class);
        } catch (JsonParseException e) {
            if (last) {
                cutOff = true;
                return;
            }
            throw new IOException(at(number) + "it is not a JSON object", e);
        }
        try {
            add(new Fields(object));
        } catch (IllegalArgumentException e) {
            throw new IOException(at(number) + e.getMessage(), e);
        }
    }

    /** The name of the event in a line, or an empty text for a blank line. */
    static String eventOf(String line) throws IOException {
        if (line.isBlank()) {
            return "";
        }
        try {
            return new Fields(GSON.fromJson(line, JsonObject.class)).text("event");
        } catch (JsonParseException e) {
            throw new IOException("Cannot read the log: a line is not a JSON object", e);
        }
    }

    private String at(int line) {
        return "Cannot read " + file + ", line " + line + ": ";
    }

    private void add(Fields fields) {
        String event = fields.text("event");
        if (event.equals("run")) {
            if (start != null) {
                throw new IllegalArgumentException(
                        "a run has begun already: a folder holds one run");
            }
            start = EventParser.started(fields);
            start.seeds().forEach(seed -> seeds.put(seed, new Seed()));
            return;
        }
        if (start == null) {
            throw new IllegalArgumentException(
                    "the first event must be \"run\", got \"" + event + "\"");
        }
        switch (event) {
            case "batch" -> seed(fields).add(EventParser.batch(fields));
            case "epoch" -> seed(fields).add(EventParser.epoch(fields));
            case "seed_end" -> seed(fields).end = checked(EventParser.seedEnded(fields));
            case "end" -> seconds = fields.number("seconds");
            default -> {
                // Events of other versions, and those that hold nothing that is reported.
            }
        }
    }

    /** Checks that the classes in what was counted are those of the first line. */
    private RunEvent.SeedEnded checked(RunEvent.SeedEnded end) {
        int classes = start == null ? 0 : start.classes().size();
        RunEvent.Confusion confusion = end.confusion();
        if (confusion != null && confusion.online().size() != classes) {
            int rows = confusion.online().size();
            throw new IllegalArgumentException(
                    "confusion must have a row for each of %d classes, got %d rows"
                            .formatted(classes, rows));
        }
        for (RunEvent.Disagreement image : end.disagreements()) {
            for (int label : List.of(image.label(), image.online(), image.ema())) {
                if (label < 0 || label >= classes) {
                    throw new IllegalArgumentException(
                            "a class must be in [0, %d), got %d".formatted(classes, label));
                }
            }
        }
        return end;
    }

    private Seed seed(Fields fields) {
        int number = fields.integer("seed");
        Seed seed = seeds.get(number);
        if (seed == null) {
            throw new IllegalArgumentException(
                    "seed must be one of " + seeds.keySet() + ", got " + number);
        }
        return seed;
    }

    private static final class Seed {
        private final SortedMap<Integer, RunEvent.Batch> batches = new TreeMap<>();
        private final SortedMap<Integer, RunEvent.Epoch> epochs = new TreeMap<>();
        private RunEvent.@Nullable SeedEnded end;

        void add(RunEvent.Batch batch) {
            batches.put(batch.step(), batch);
        }

        void add(RunEvent.Epoch epoch) {
            epochs.put(epoch.epoch(), epoch);
        }

        Run.SeedLog log(int seed) {
            return new Run.SeedLog(
                    seed, List.copyOf(batches.values()), List.copyOf(epochs.values()), end);
        }
    }
}
