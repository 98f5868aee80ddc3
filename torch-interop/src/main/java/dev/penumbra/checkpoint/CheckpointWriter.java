// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.ndarray.NDArray;
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
 * Writes the files of a checkpoint into a folder of its own, the sums last.
 *
 * <p>The sums are taken from the arrays, not from the files, while these are being written.
 */
final class CheckpointWriter {

    static final String INFO = "checkpoint.json";
    static final String SUFFIX = ".safetensors";

    private final CheckpointInfo info;
    private final Map<String, Map<String, NDArray>> arrays = new LinkedHashMap<>();

    CheckpointWriter(CheckpointInfo info, Map<String, State> parts) {
        this.info = info;
        parts.forEach(
                (name, part) -> {
                    if (!part.arrays().isEmpty()) {
                        arrays.put(name + SUFFIX, part.arrays());
                    }
                });
    }

    void write(Path folder) throws IOException {
        Files.createDirectory(folder);
        String json = InfoJson.write(info);
        Map<String, String> sums = new LinkedHashMap<>();
        List<SideBySide.Task> tasks = new ArrayList<>();
        tasks.add(() -> sum(sums));
        arrays.forEach(
                (file, part) ->
                        tasks.add(
                                () ->
                                        Folders.write(
                                                folder.resolve(file),
                                                c -> SafetensorsWriter.write(c, part, Map.of()))));
        tasks.add(() -> Folders.write(folder.resolve(INFO), json));
        SideBySide.run(tasks);
        sums.put(INFO, Sha256Sums.of(json.getBytes(StandardCharsets.UTF_8)));
        Folders.write(folder.resolve(Sha256Sums.FILE_NAME), Sha256Sums.write(sums));
        Folders.force(folder);
    }

    private void sum(Map<String, String> sums) throws IOException {
        for (Map.Entry<String, Map<String, NDArray>> part : arrays.entrySet()) {
            try (Sha256Sums.Channel channel = new Sha256Sums.Channel()) {
                SafetensorsWriter.write(channel, part.getValue(), Map.of());
                sums.put(part.getKey(), channel.sum());
            }
        }
    }
}
