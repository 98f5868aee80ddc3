// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.SafetensorsWriter;
import dev.penumbra.state.State;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

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
        CompletableFuture<Map<String, String>> sums = CompletableFuture.supplyAsync(this::sums);
        String json = InfoJson.write(info);
        Files.createDirectory(folder);
        IOException failure = null;
        try {
            for (Map.Entry<String, Map<String, NDArray>> part : arrays.entrySet()) {
                Folders.write(
                        folder.resolve(part.getKey()),
                        channel -> SafetensorsWriter.write(channel, part.getValue(), Map.of()));
            }
            Folders.write(folder.resolve(INFO), json);
        } catch (IOException e) {
            failure = e;
        }
        // The arrays may change once this method ends.
        Map<String, String> all = await(sums);
        if (failure != null) {
            throw failure;
        }
        all.put(INFO, Sha256Sums.of(json.getBytes(StandardCharsets.UTF_8)));
        Folders.write(folder.resolve(Sha256Sums.FILE_NAME), Sha256Sums.write(all));
        Folders.force(folder);
    }

    private static Map<String, String> await(CompletableFuture<Map<String, String>> sums)
            throws IOException {
        try {
            return sums.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof UncheckedIOException io) {
                throw io.getCause();
            }
            throw e;
        }
    }

    private Map<String, String> sums() {
        Map<String, String> sums = new LinkedHashMap<>();
        arrays.forEach((file, part) -> sums.put(file, sum(part)));
        return sums;
    }

    private static String sum(Map<String, NDArray> part) {
        try (Sha256Sums.Channel channel = new Sha256Sums.Channel()) {
            SafetensorsWriter.write(channel, part, Map.of());
            return channel.sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
