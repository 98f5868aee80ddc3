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

/**
 * What the log of an autoencoder's training holds.
 *
 * @param start the first line
 * @param seeds what was logged for each seed, one element for each seed of the first line
 * @param seconds the time that the whole run took, or null where the run was interrupted
 * @param cutOff whether the last line is only half there
 */
record VaeRun(
        RunEvent.Started start, List<SeedLog> seeds, @Nullable Double seconds, boolean cutOff) {

    /**
     * What was logged for one seed.
     *
     * @param seed the seed
     * @param batches the measurements within epochs, by step
     * @param epochs the evaluated epochs, in order
     * @param end the end, or null where the seed has not got there
     */
    record SeedLog(
            int seed,
            List<VaeEvent.Batch> batches,
            List<VaeEvent.Epoch> epochs,
            VaeEvent.@Nullable SeedEnded end) {

        int lastEpoch() {
            return epochs.isEmpty() ? 0 : epochs.get(epochs.size() - 1).epoch();
        }
    }

    private static final class Reader {
        private final Map<Integer, SortedMap<Integer, VaeEvent.Batch>> batches =
                new LinkedHashMap<>();
        private final Map<Integer, SortedMap<Integer, VaeEvent.Epoch>> epochs =
                new LinkedHashMap<>();
        private final Map<Integer, VaeEvent.SeedEnded> ends = new LinkedHashMap<>();
        private RunEvent.@Nullable Started start;
        private @Nullable Double seconds;

        private void add(String event, Fields fields) {
            switch (event) {
                case "run" -> {
                    start = EventParser.started(fields);
                    for (int seed : start.seeds()) {
                        batches.put(seed, new TreeMap<>());
                        epochs.put(seed, new TreeMap<>());
                    }
                }
                case "batch" -> {
                    VaeEvent.Batch batch = VaeEventParser.batch(fields);
                    of(batches, batch.seed()).put(batch.step(), batch);
                }
                case "epoch" -> {
                    VaeEvent.Epoch epoch = VaeEventParser.epoch(fields);
                    of(epochs, epoch.seed()).put(epoch.epoch(), epoch);
                }
                case "seed_end" -> {
                    VaeEvent.SeedEnded end = VaeEventParser.seedEnded(fields);
                    of(epochs, end.seed());
                    ends.put(end.seed(), end);
                }
                case "end" -> seconds = fields.number("seconds");
                default -> {
                    // Nothing that is reported.
                }
            }
        }

        private static <T> T of(Map<Integer, T> seeds, int seed) {
            T found = seeds.get(seed);
            if (found == null) {
                throw new IllegalArgumentException(
                        "seed must be one of " + seeds.keySet() + ", got " + seed);
            }
            return found;
        }

        private SeedLog log(int seed) {
            return new SeedLog(
                    seed,
                    List.copyOf(of(batches, seed).values()),
                    List.copyOf(of(epochs, seed).values()),
                    ends.get(seed));
        }
    }

    static VaeRun read(Path folder) throws IOException {
        Reader reader = new Reader();
        boolean cutOff = LogLines.read(folder, reader::add);
        List<SeedLog> seeds = reader.epochs.keySet().stream().map(reader::log).toList();
        return new VaeRun(Objects.requireNonNull(reader.start), seeds, reader.seconds, cutOff);
    }

    /** The last epoch that any seed has reached. */
    int epochs() {
        return seeds.stream().mapToInt(SeedLog::lastEpoch).max().orElse(0);
    }

    /** The seeds that have reached the last epoch. */
    List<SeedLog> compared() {
        int epochs = epochs();
        return seeds.stream().filter(s -> epochs > 0 && s.lastEpoch() == epochs).toList();
    }
}
