// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.script;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Block;
import ai.djl.nn.Parameter;
import ai.djl.training.ParameterStore;
import ai.djl.util.Pair;
import com.google.gson.JsonObject;
import dev.penumbra.testing.Golden;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** The TorchScript files that script/make.py writes. */
final class ScriptFiles {

    private static final JsonObject EXPECTED =
            Golden.read("internal/script/expected.json").getAsJsonObject();

    private ScriptFiles() {}

    static JsonObject expected(String name) {
        return EXPECTED.getAsJsonObject("cases").getAsJsonObject(name);
    }

    /** Loads a file as a user does who trains it. */
    static Model load(String name) {
        return load(directory(), name);
    }

    static Path directory() {
        try {
            return Path.of(
                            Objects.requireNonNull(ScriptFiles.class.getResource("expected.json"))
                                    .toURI())
                    .resolveSibling("");
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    static Model load(Path directory, String name) {
        Model model = Model.newInstance(name, "PyTorch");
        try {
            model.load(directory, name, Map.of("trainParam", "true"));
            return model;
        } catch (IOException | MalformedModelException e) {
            model.close();
            throw new IllegalStateException(e);
        }
    }

    static NDArray input(NDManager manager, String name) {
        JsonObject expected = expected(name);
        return manager.create(
                Golden.floats(expected.get("input")),
                new Shape(Golden.longs(expected.get("shape"))));
    }

    static NDArray forward(Block block, NDArray input, boolean training) {
        ParameterStore store = new ParameterStore(input.getManager(), false);
        return block.forward(store, new NDList(input), training).singletonOrThrow();
    }

    /** The parameters that DJL shows and the buffers, by the names within the module. */
    static Map<String, Parameter> all(Block block) {
        Map<String, Parameter> all = new LinkedHashMap<>();
        for (Pair<String, Parameter> pair : block.getParameters()) {
            all.put(pair.getKey(), pair.getValue());
        }
        all.putAll(ScriptBlocks.buffers(block));
        return all;
    }

    /** The other values of make.py, computed here. */
    static Map<Parameter, NDArray> others(NDManager manager, Block block) {
        Map<Parameter, NDArray> others = new HashMap<>();
        all(block).values().forEach(p -> others.put(p, other(manager, p.getArray())));
        return others;
    }

    private static NDArray other(NDManager manager, NDArray own) {
        try (NDArray values = own.stopGradient()) {
            NDArray other =
                    own.getDataType().isInteger() ? values.add(3) : values.mul(0.5).add(0.25);
            other.attach(manager);
            return other;
        }
    }

    /** The bits of everything that a block holds, by name. */
    static Map<String, String> bits(Block block) {
        Map<String, String> bits = new LinkedHashMap<>();
        all(block).forEach((name, parameter) -> bits.put(name, bits(parameter.getArray())));
        return bits;
    }

    static String bits(NDArray array) {
        try (NDArray wide = array.toType(DataType.FLOAT64, true)) {
            return java.util.Arrays.toString(wide.toDoubleArray());
        }
    }

    static void save(Model model, Path directory) {
        try {
            model.save(directory, "saved");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
