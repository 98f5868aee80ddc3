// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Collects the lines of a log into a {@link Run}. */
final class RunReader {

    private final Map<Integer, Seed> seeds = new LinkedHashMap<>();
    private RunEvent.@Nullable Started start;
    private @Nullable Double seconds;

    private RunReader() {}

    static Run read(Path folder) throws IOException {
        RunReader reader = new RunReader();
        boolean cutOff = LogLines.read(folder, reader::add);
        List<Run.SeedLog> logs =
                reader.seeds.entrySet().stream().map(e -> e.getValue().log(e.getKey())).toList();
        return new Run(Objects.requireNonNull(reader.start), logs, reader.seconds, cutOff);
    }

    private void add(String event, Fields fields) {
        switch (event) {
            case "run" -> {
                start = EventParser.started(fields);
                start.seeds().forEach(seed -> seeds.put(seed, new Seed()));
            }
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
