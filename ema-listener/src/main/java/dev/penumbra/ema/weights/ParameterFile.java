// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.weights;

import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.nn.Parameter;
import dev.penumbra.ema.weights.ModelWeights.Entry;
import dev.penumbra.ema.weights.ParameterInput.DamageException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UTFDataFormatException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Reads a DJL parameter file without changing the model it belongs to.
 *
 * <p>Only the blocks can read their part of a file, and they read it into themselves. For that time
 * their parameters are empty; afterwards they have their own arrays and metadata again.
 */
public final class ParameterFile {

    /** A mark and the version, 1. */
    private static final byte[] BEGINNING = {'D', 'J', 'L', '@', 0, 0, 0, 1};

    private static final int MAX_REASON = 500;

    private final Model model;
    private final Path file;
    private final Map<String, Parameter> parameters;
    private final Map<String, NDArray> own = new LinkedHashMap<>();

    private ParameterFile(Model model, Path file) {
        this.model = model;
        this.file = file;
        parameters = ModelWeights.parametersOf(model.getBlock());
        parameters.forEach((name, parameter) -> own.put(name, parameter.getArray()));
    }

    /** Reads a file; the caller closes the weights. */
    public static ModelWeights load(Model model, Path file)
            throws IOException, MalformedModelException {
        WeightsMemory memory = WeightsMemory.of(model, "The set of weights");
        try {
            return new ParameterFile(model, file).load(memory);
        } catch (IOException | MalformedModelException | RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private ModelWeights load(WeightsMemory memory) throws IOException, MalformedModelException {
        if (Files.isDirectory(file)) {
            throw failure("it must be a file, got a folder", null);
        }
        try (NDManager scope = memory.manager().newSubManager();
                FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
                DataInputStream in = new DataInputStream(new ParameterInput(channel))) {
            requireVersion(in);
            read(() -> readHeader(in), () -> "its header");
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

    /** A part of the file's format. */
    private interface Part {
        void read() throws IOException, MalformedModelException;
    }

    /** Whatever the blocks make of damage, it is reported as such. */
    private void read(Part part, Supplier<String> where)
            throws IOException, MalformedModelException {
        try {
            part.read();
        } catch (EOFException e) {
            throw failure("the file ends in " + where.get(), e);
        } catch (UTFDataFormatException e) {
            throw failure("at " + where.get() + ": text must be UTF-8, got other bytes", e);
        } catch (DamageException | MalformedModelException | RuntimeException e) {
            String reason = Objects.requireNonNullElse(e.getMessage(), e.getClass().getName());
            throw failure("at " + where.get() + ": " + printable(reason), e);
        } catch (OutOfMemoryError e) {
            // A block of the user's may make arrays by a length that nothing here knows of.
            throw failure("at " + where.get() + ": the memory is not enough", e);
        }
    }

    /** Messages of blocks repeat what is in the file. */
    private static String printable(String reason) {
        String text = reason.replaceAll("\\p{Cntrl}", "?");
        return text.length() <= MAX_REASON ? text : text.substring(0, MAX_REASON) + "...";
    }

    private void requireVersion(DataInputStream in) throws IOException, MalformedModelException {
        byte[] start = in.readNBytes(BEGINNING.length);
        if (!Arrays.equals(start, BEGINNING)) {
            throw failure("it must be a DJL parameter file of version 1", null);
        }
    }

    private static void readHeader(DataInputStream in) throws IOException, MalformedModelException {
        in.readUTF(); // the name
        in.readUTF(); // the type
        for (int inputs = count(in); inputs > 0; inputs--) {
            in.readUTF();
            Shape.decode(in);
        }
        for (int properties = count(in); properties > 0; properties--) {
            in.readUTF();
            in.readUTF();
        }
    }

    private static int count(DataInputStream in) throws IOException {
        int count = in.readInt();
        if (count < 0) {
            throw new DamageException("a count must be at least 0, got " + count);
        }
        return count;
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
        read(() -> model.getBlock().loadParameters(scope, in), this::current);
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

    /** The arrays come first: some blocks take their sizes from them when they read metadata. */
    private void restore(NDManager scope, byte @Nullable [] metadata)
            throws IOException, MalformedModelException {
        try {
            restoreArrays();
            if (metadata != null) {
                model.getBlock()
                        .loadParameters(
                                scope, new DataInputStream(new ByteArrayInputStream(metadata)));
            }
        } finally {
            restoreArrays();
        }
    }

    private void restoreArrays() {
        own.forEach((name, array) -> restore(Objects.requireNonNull(parameters.get(name)), array));
    }

    private static void restore(Parameter parameter, NDArray array) {
        if (!parameter.isInitialized() || parameter.getArray() != array) {
            clear(parameter);
            parameter.setArray(array);
        }
    }

    private MalformedModelException failure(String reason, @Nullable Throwable cause) {
        String message = "Cannot read parameters from " + file + ": " + reason;
        return new MalformedModelException(message, cause);
    }
}
