// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.ModelWeights.Entry;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads a DJL parameter file without changing the model it belongs to.
 *
 * <p>Only the blocks can read their part of a file, and they read it into themselves. For that time
 * their parameters are empty; afterwards they have their own arrays and metadata again.
 */
final class CheckpointFile {

    private static final int VERSION = 1;

    private final Model model;
    private final Path file;
    private final Map<String, Parameter> parameters;
    private final Map<String, NDArray> own = new LinkedHashMap<>();

    private CheckpointFile(Model model, Path file) {
        this.model = model;
        this.file = file;
        parameters = ModelWeights.parametersOf(model.getBlock());
        parameters.forEach((name, parameter) -> own.put(name, parameter.getArray()));
    }

    /** Reads a file; the caller closes the weights. */
    static ModelWeights load(Model model, Path file) throws IOException, MalformedModelException {
        WeightsMemory memory = WeightsMemory.of(model, "The set of weights");
        try {
            return new CheckpointFile(model, file).load(memory);
        } catch (IOException | MalformedModelException | RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private ModelWeights load(WeightsMemory memory) throws IOException, MalformedModelException {
        try (NDManager scope = memory.manager().newSubManager();
                DataInputStream in =
                        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
            readHeader(in);
            byte[] metadata = null;
            try {
                parameters.values().forEach(parameter -> empty(scope, parameter));
                metadata = metadata();
                readBlocks(scope, in);
                return new ModelWeights(model, memory, entries(memory.manager()));
            } finally {
                restore(scope, metadata);
            }
        }
    }

    private void readHeader(DataInputStream in) throws IOException, MalformedModelException {
        try {
            byte[] magic = in.readNBytes(4);
            String start = new String(magic, StandardCharsets.ISO_8859_1);
            int version = start.equals("DJL@") ? in.readInt() : 0;
            if (version != VERSION) {
                throw failure("it must be a DJL parameter file of version " + VERSION, null);
            }
            in.readUTF(); // the name
            in.readUTF(); // the type
            for (int inputs = in.readInt(); inputs > 0; inputs--) {
                in.readUTF();
                Shape.decode(in);
            }
            for (int properties = in.readInt(); properties > 0; properties--) {
                in.readUTF();
                in.readUTF();
            }
        } catch (EOFException e) {
            throw failure("the file ends in its header", e);
        }
    }

    /** Takes the array from a parameter without closing it. Loading replaces an array. */
    private static void empty(NDManager scope, Parameter parameter) {
        try (NDArray one = scope.create(0f)) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            Parameter.Builder named =
                    Parameter.builder()
                            .setName(parameter.getName())
                            .setType(Parameter.Type.OTHER)
                            .optArray(one);
            named.build().save(new DataOutputStream(bytes));
            parameter.load(
                    scope, new DataInputStream(new ByteArrayInputStream(bytes.toByteArray())));
        } catch (IOException | MalformedModelException e) {
            throw new IllegalStateException(e);
        }
        clear(parameter);
    }

    private static void clear(Parameter parameter) {
        parameter.close();
        parameter.setShape(null);
    }

    /** What the blocks save beside their parameters, which are empty. */
    private byte[] metadata() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        model.getBlock().saveParameters(new DataOutputStream(bytes));
        return bytes.toByteArray();
    }

    private void readBlocks(NDManager scope, DataInputStream in)
            throws IOException, MalformedModelException {
        try {
            model.getBlock().loadParameters(scope, in);
        } catch (EOFException e) {
            throw failure("the file ends in " + current(), e);
        } catch (MalformedModelException | RuntimeException e) {
            throw failure("at " + current() + ": " + e.getMessage(), e);
        }
        if (in.read() >= 0) {
            throw failure("the file has more than the model", null);
        }
    }

    /** The first parameter that has not been read. */
    private String current() {
        return parameters.entrySet().stream()
                .filter(entry -> !entry.getValue().isInitialized())
                .map(entry -> "parameter '" + entry.getKey() + "'")
                .findFirst()
                .orElse("the last parameter");
    }

    /** The values that the parameters have read, after they have been checked. */
    private List<Entry> entries(NDManager manager) throws MalformedModelException {
        List<Entry> entries = new ArrayList<>();
        for (Map.Entry<String, Parameter> named : parameters.entrySet()) {
            Parameter parameter = named.getValue();
            String name = named.getKey();
            if (!parameter.isInitialized()) {
                throw failure("parameter '" + name + "' has no values in the file", null);
            }
            NDArray read = parameter.getArray();
            String actual = describe(read);
            String expected = describe(Objects.requireNonNull(own.get(name)));
            if (!actual.equals(expected)) {
                throw failure(
                        "parameter '"
                                + name
                                + "' is "
                                + actual
                                + " in the file and "
                                + expected
                                + " in the model",
                        null);
            }
            // The array lies on memory of Java that is freed with it, when the parameter gets its
            // own.
            NDArray array = read.duplicate();
            array.attach(manager);
            read.close();
            entries.add(new Entry(name, parameter, array));
        }
        return entries;
    }

    private static String describe(NDArray array) {
        return array.getShape() + " of " + array.getDataType();
    }

    private void restore(NDManager scope, byte @Nullable [] metadata)
            throws IOException, MalformedModelException {
        try {
            if (metadata != null) {
                model.getBlock()
                        .loadParameters(
                                scope, new DataInputStream(new ByteArrayInputStream(metadata)));
            }
        } finally {
            own.forEach(
                    (name, array) -> restore(Objects.requireNonNull(parameters.get(name)), array));
        }
    }

    private static void restore(Parameter parameter, NDArray array) {
        if (!parameter.isInitialized() || parameter.getArray() != array) {
            clear(parameter);
            parameter.setArray(array);
        }
    }

    private MalformedModelException failure(String reason, @Nullable Throwable cause) {
        String message = "Cannot load checkpoint from " + file + ": " + reason;
        return new MalformedModelException(message, cause);
    }
}
