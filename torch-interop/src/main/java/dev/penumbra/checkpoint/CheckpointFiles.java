// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.ndarray.NDArray;
import dev.penumbra.internal.AtomicFile;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.state.State;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The files of a checkpoint that is saved into a folder of its own, the sums last.
 *
 * <p>The sums are taken from the arrays, not from the files, while these are being written.
 */
final class CheckpointFiles {

    static final String INFO = "checkpoint.json";
    static final String SUFFIX = ".safetensors";

    /** A file of arrays. */
    private record Part(Map<String, NDArray> arrays, Map<String, String> metadata) {}

    private final CheckpointInfo info;
    private final Map<String, Part> parts = new LinkedHashMap<>();

    CheckpointFiles(CheckpointInfo info, Map<String, State> states) {
        this.info = info;
        states.forEach(
                (name, state) -> {
                    if (!state.arrays().isEmpty()) {
                        PartIdentity identity = new PartIdentity(info.run(), info.id(), name);
                        parts.put(name + SUFFIX, new Part(state.arrays(), identity.metadata()));
                    }
                });
    }

    void save(Path folder) throws IOException {
        Files.createDirectory(folder);
        String json = InfoJson.format(info);
        Map<String, String> sums = new LinkedHashMap<>();
        List<ParallelTasks.Task> tasks = new ArrayList<>();
        tasks.add(() -> sum(sums));
        parts.forEach(
                (file, part) ->
                        tasks.add(
                                () ->
                                        SafetensorsWriter.write(
                                                folder.resolve(file),
                                                part.arrays(),
                                                part.metadata())));
        tasks.add(() -> AtomicFile.writeString(folder.resolve(INFO), json));
        ParallelTasks.run(tasks);
        sums.put(INFO, Sha256Sums.of(json.getBytes(StandardCharsets.UTF_8)));
        AtomicFile.writeString(folder.resolve(Sha256Sums.FILE_NAME), Sha256Sums.format(sums));
    }

    private void sum(Map<String, String> sums) throws IOException {
        for (Map.Entry<String, Part> part : parts.entrySet()) {
            try (Sha256Sums.Channel channel = new Sha256Sums.Channel()) {
                SafetensorsWriter.write(
                        channel, part.getValue().arrays(), part.getValue().metadata());
                sums.put(part.getKey(), channel.sum());
            }
        }
    }
}
