// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.vae.pretrained;

import ai.djl.ndarray.NDArray;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.safetensors.TypeConversion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;

/** The weights of one model in a file, or in the parts that an index names. */
final class WeightFiles implements AutoCloseable {

    private final Path path;
    private final List<SafetensorsFile> files = new ArrayList<>();
    private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    private final Map<String, SafetensorsFile> places = new LinkedHashMap<>();

    private WeightFiles(Path path) {
        this.path = path;
    }

    /** Opens one file. */
    static WeightFiles open(Path path) throws IOException {
        WeightFiles weights = new WeightFiles(path);
        weights.add(path);
        return weights;
    }

    /** Opens the parts that lie beside an index, and checks that each holds what it should. */
    static WeightFiles openParts(Path index) throws IOException {
        Map<String, String> parts = parts(index);
        WeightFiles weights = new WeightFiles(index);
        try {
            for (String part : new TreeSet<>(parts.values())) {
                weights.add(index.resolveSibling(part));
            }
            weights.requirePlaces(parts);
            return weights;
        } catch (IOException | RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    /** The name of a part for each tensor. */
    private static Map<String, String> parts(Path index) throws IOException {
        Map<String, String> parts = new LinkedHashMap<>();
        ConfigFields fields = DiffusersConfig.fields(index);
        try {
            ConfigFields map = fields.object("weight_map");
            for (String name : map.names()) {
                String part = map.text(name).orElse("");
                if (!part.endsWith(".safetensors") || part.matches(".*[/\\\\].*")) {
                    throw new IllegalArgumentException(
                            "weight_map must have names of safetensors files beside it, got "
                                    + map.shown(name));
                }
                parts.put(name, part);
            }
        } catch (IllegalArgumentException e) {
            throw new PretrainedException(index, String.valueOf(e.getMessage()), e);
        }
        return parts;
    }

    private void add(Path part) throws IOException {
        SafetensorsFile file = SafetensorsFile.open(part);
        files.add(file);
        for (TensorInfo tensor : file.tensors().values()) {
            SafetensorsFile other = places.putIfAbsent(tensor.name(), file);
            if (other != null) {
                throw new PretrainedException(
                        path,
                        "its parts must have each tensor once, got '"
                                + tensor.name()
                                + "' in "
                                + other.path().getFileName()
                                + " and "
                                + part.getFileName());
            }
            tensors.put(tensor.name(), tensor);
        }
    }

    private void requirePlaces(Map<String, String> parts) throws PretrainedException {
        for (Map.Entry<String, String> entry : parts.entrySet()) {
            SafetensorsFile file = places.get(entry.getKey());
            if (file == null || !file.path().endsWith(entry.getValue())) {
                throw new PretrainedException(
                        path,
                        "its parts must have what weight_map says, got no '"
                                + entry.getKey()
                                + "' in "
                                + entry.getValue());
            }
        }
    }

    /** The file, or the index. */
    Path path() {
        return path;
    }

    Map<String, TensorInfo> tensors() {
        return Collections.unmodifiableMap(tensors);
    }

    /** The texts of the only file; parts have none of interest. */
    Map<String, String> metadata() {
        return files.size() == 1 ? files.get(0).metadata() : Map.of();
    }

    /** Reads a tensor that is there into an array. */
    void readInto(String name, NDArray target, TypeConversion conversion) throws IOException {
        conversion.readInto(Objects.requireNonNull(places.get(name), name), name, target);
    }

    @Override
    public void close() throws IOException {
        for (SafetensorsFile file : files) {
            file.close();
        }
    }
}
