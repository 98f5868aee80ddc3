// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.posthoc;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.ema.schedule.AveragingRule;
import dev.penumbra.ema.schedule.DecaySchedule;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * An average as it was at a step of a training, in a file of its own.
 *
 * <p>The file is in the safetensors format, with the parameters by their names and the components
 * of this record as texts in its metadata; the name of the file means nothing.
 *
 * @param run the identity of the training
 * @param average the name of the average
 * @param profile the schedule of the average and the step of the snapshot
 * @param path the file
 */
public record Snapshot(String run, String average, AverageProfile profile, Path path) {

    private static final String SUFFIX = ".safetensors";
    private static final String FORMAT = "penumbra-average-1";

    /** The file of a snapshot in a folder. */
    static Path pathIn(Path folder, String average, long step) {
        return folder.resolve(String.format(Locale.ROOT, "%s-%010d%s", average, step, SUFFIX));
    }

    /** The snapshots of a folder by step and name; unfinished files do not count. */
    static List<Snapshot> in(Path folder) throws IOException {
        List<Snapshot> snapshots = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "[!.]*" + SUFFIX)) {
            for (Path file : files) {
                snapshots.add(read(file));
            }
        }
        snapshots.sort(
                Comparator.comparingLong((Snapshot snapshot) -> snapshot.profile().step())
                        .thenComparing(Snapshot::average));
        requireOneRun(folder, snapshots);
        return snapshots;
    }

    private static void requireOneRun(Path folder, List<Snapshot> snapshots) throws IOException {
        for (Snapshot snapshot : snapshots) {
            if (!snapshot.run().equals(snapshots.get(0).run())) {
                throw new IOException(
                        "Cannot read "
                                + folder
                                + ": "
                                + snapshots.get(0).path().getFileName()
                                + " and "
                                + snapshot.path().getFileName()
                                + " are of different runs");
            }
        }
    }

    private static Snapshot read(Path file) throws IOException {
        Map<String, String> metadata;
        try (SafetensorsFile content = SafetensorsFile.open(file)) {
            metadata = content.metadata();
        }
        if (!FORMAT.equals(metadata.get("format"))) {
            throw new IOException("Cannot read " + file + ": it is no snapshot of an average");
        }
        try {
            AveragingRule rule = AveragingRule.fromJson(text(metadata, "rule"));
            long step = Long.parseLong(text(metadata, "step"));
            AverageProfile profile = new AverageProfile(schedule(rule), step);
            return new Snapshot(text(metadata, "run"), text(metadata, "average"), profile, file);
        } catch (IllegalArgumentException e) {
            throw new IOException("Cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    private static DecaySchedule schedule(AveragingRule rule) {
        if (rule instanceof DecaySchedule schedule) {
            return schedule;
        }
        throw new IllegalArgumentException("its rule must depend on the step alone, got " + rule);
    }

    private static String text(Map<String, String> metadata, String name) {
        String text = metadata.get(name);
        if (text == null) {
            throw new IllegalArgumentException("its metadata must have '" + name + "', got none");
        }
        return text;
    }

    void write(Map<String, NDArray> arrays, SnapshotPrecision precision) throws IOException {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", FORMAT);
        metadata.put("run", run);
        metadata.put("average", average);
        metadata.put("rule", profile.schedule().toJson());
        metadata.put("step", Long.toString(profile.step()));
        SafetensorsWriter.write(path, arrays, metadata, precision.typesOf(arrays));
    }

    /** Reads the weights onto a manager. */
    Map<String, NDArray> weights(NDManager manager) throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(path)) {
            return file.readAll(manager);
        }
    }
}
