// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.internal.operator;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.JniUtils;
import ai.djl.pytorch.jni.ScriptCalls;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.function.LongFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One loaded archive of operations. It holds no tensors, so one serves every device; it stays
 * loaded for the life of the process.
 */
public final class ScriptModule {

    private static final String OLDEST = "2.7.1";
    private static final int[] OLDEST_PARTS = {2, 7, 1};
    private static final Pattern NUMBERS = Pattern.compile("(\\d{1,6})\\.(\\d{1,6})\\.(\\d{1,6})");

    private final PtSymbolBlock block;

    private ScriptModule(PtSymbolBlock block) {
        this.block = block;
    }

    /**
     * Loads the archive of a source file.
     *
     * @param beside the class that the file lies beside
     * @param resource the name of the file
     * @return the module
     * @throws EngineException if the source has an error, with its line
     * @throws LinkageError if PyTorch is missing or too old
     */
    public static ScriptModule load(Class<?> beside, String resource) {
        try (InputStream in = beside.getResourceAsStream(resource)) {
            String source =
                    new String(
                            Objects.requireNonNull(in, resource).readAllBytes(),
                            StandardCharsets.UTF_8);
            return of(source);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static ScriptModule of(String source) throws IOException {
        Engine engine = engine("PyTorch");
        return of(source, engine, engine.getVersion());
    }

    /** Loads an archive as PyTorch of a version, whose age explains why it cannot be loaded. */
    static ScriptModule of(String source, Engine engine, String version) throws IOException {
        NDManager manager = engine.newBaseManager();
        try {
            InputStream archive = new ByteArrayInputStream(ScriptArchive.of(source));
            return new ScriptModule(
                    JniUtils.loadModule((PtNDManager) manager, archive, false, false));
        } catch (EngineException e) {
            manager.close();
            if (isOlder(version)) {
                // An error leaves the initialization of a class as it is.
                throw new LinkageError(
                        "Penumbra needs PyTorch " + OLDEST + " or newer, got " + version, e);
            }
            throw e;
        } catch (IOException | RuntimeException e) {
            manager.close();
            throw e;
        }
    }

    static Engine engine(String name) {
        try {
            return Engine.getEngine(name);
        } catch (IllegalArgumentException e) {
            throw new LinkageError(
                    "Penumbra needs the engine "
                            + name
                            + " of DJL: add ai.djl.pytorch:pytorch-engine to the class path",
                    e);
        }
    }

    /** Whether a version, such as 2.5.1 or 2.5.1-cu124, is sure to be older than is needed. */
    private static boolean isOlder(String version) {
        Matcher numbers = NUMBERS.matcher(version);
        if (!numbers.lookingAt()) {
            return false;
        }
        int[] parts = new int[OLDEST_PARTS.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = Integer.parseInt(numbers.group(i + 1));
        }
        return Arrays.compare(parts, OLDEST_PARTS) < 0;
    }

    /** The methods of a block that is loaded already; it stays the caller's. */
    public static ScriptModule of(PtSymbolBlock block) {
        return new ScriptModule(block);
    }

    /** Runs a method that returns nothing; the arguments stay the caller's. */
    public void run(String method, long... arguments) {
        ScriptCalls.delete(call(method, arguments));
    }

    /** Runs a method that returns a floating-point number; the arguments stay the caller's. */
    public double runDouble(String method, long... arguments) {
        return run(ScriptCalls::toDouble, method, arguments);
    }

    /** Runs a method that returns a whole number; the arguments stay the caller's. */
    public long runLong(String method, long... arguments) {
        return run(ScriptCalls::toLong, method, arguments);
    }

    /** Runs a method that returns a truth value; the arguments stay the caller's. */
    public boolean runBoolean(String method, long... arguments) {
        return run(ScriptCalls::toBoolean, method, arguments);
    }

    /** Runs a method that returns numbers; the arguments stay the caller's. */
    public double[] runDoubles(String method, long... arguments) {
        return run(ScriptCalls::toDoubles, method, arguments);
    }

    /** Runs a method that returns truth values; the arguments stay the caller's. */
    public boolean[] runBooleans(String method, long... arguments) {
        return run(ScriptCalls::toBooleans, method, arguments);
    }

    /** Runs a method that returns tensors, whose handles are the caller's; arguments stay. */
    public long[] runTensors(String method, long... arguments) {
        return run(ScriptCalls::toTensors, method, arguments);
    }

    /**
     * Runs a method that returns a tensor, recorded for gradients where the thread records them;
     * the arguments stay the caller's, the handle of the tensor is the caller's.
     */
    public long runRecorded(String method, long... arguments) {
        long result = call(ScriptCalls::runRecorded, method, arguments);
        try {
            return ScriptCalls.toTensor(result);
        } finally {
            ScriptCalls.delete(result);
        }
    }

    private <T> T run(LongFunction<T> read, String method, long... arguments) {
        long result = call(method, arguments);
        try {
            return read.apply(result);
        } finally {
            ScriptCalls.delete(result);
        }
    }

    /** A way to run a method. */
    private interface Call {
        long run(long module, String method, long... arguments);
    }

    private long call(String method, long... arguments) {
        return call(ScriptCalls::run, method, arguments);
    }

    private long call(Call call, String method, long... arguments) {
        try {
            return call.run(block.getHandle(), method, arguments);
        } catch (EngineException e) {
            throw new EngineException(method + " failed: " + reason(e), e);
        }
    }

    /** The last line of the interpreter's trace says what went wrong; the others say where. */
    public static String reason(EngineException e) {
        return String.valueOf(e.getMessage())
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .reduce("", (previous, line) -> line);
    }
}
