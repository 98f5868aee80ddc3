// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.examples.report;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How far a run of any program has come, as its log tells.
 *
 * @param start the first line
 * @param ended the seeds that have come to their end
 * @param trainedSeconds the time that the logged epochs have taken, evaluations included
 * @param seconds the time that the whole run took, or null where the run was interrupted
 */
public record RunProgress(
        RunEvent.Started start,
        Set<Integer> ended,
        double trainedSeconds,
        @Nullable Double seconds) {

    /** Copies the set. */
    public RunProgress {
        ended = Set.copyOf(ended);
    }

    /**
     * Reads the log of a run.
     *
     * @param folder the run's folder
     * @return how far it has come
     * @throws IOException if the log cannot be read or a line is broken
     */
    public static RunProgress read(Path folder) throws IOException {
        RunEvent.@Nullable Started[] start = new RunEvent.Started[1];
        Set<Integer> ended = new HashSet<>();
        Map<String, Double> epochs = new LinkedHashMap<>();
        @Nullable Double[] whole = new Double[1];
        LogLines.read(
                folder,
                (event, fields) -> {
                    switch (event) {
                        case "run" -> start[0] = EventParser.started(fields);
                        case "epoch" ->
                                epochs.put(
                                        fields.integer("seed") + " " + fields.integer("epoch"),
                                        seconds(fields));
                        case "seed_end" -> ended.add(fields.integer("seed"));
                        case "end" -> whole[0] = fields.number("seconds");
                        default -> {
                            // Nothing that moves a run on.
                        }
                    }
                });
        double sum = epochs.values().stream().mapToDouble(Double::doubleValue).sum();
        return new RunProgress(Objects.requireNonNull(start[0]), ended, sum, whole[0]);
    }

    private static double seconds(Fields epoch) {
        Double evaluation = epoch.optNumber("evaluation_seconds");
        return epoch.number("seconds") + (evaluation == null ? 0 : evaluation);
    }
}
