// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import java.io.IOException;
import java.util.Map;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/** One part of a checkpoint, open for reading. */
public final class CheckpointPart implements SavedState, AutoCloseable {

    private final Map<String, String> values;
    private final @Nullable SafetensorsFile file;

    /**
     * Names the state of a part.
     *
     * @param values everything but the arrays, by name
     * @param file the arrays, which this object closes; null if the part has none
     */
    CheckpointPart(Map<String, String> values, @Nullable SafetensorsFile file) {
        this.values = values;
        this.file = file;
    }

    @Override
    public Map<String, TensorInfo> tensors() {
        return file == null ? Map.of() : file.tensors();
    }

    @Override
    public Map<String, String> values() {
        return values;
    }

    @Override
    public void readInto(String name, NDArray target) throws IOException {
        file(name).readInto(name, target);
    }

    /**
     * Reads an array.
     *
     * @param name the name of the array
     * @param manager the manager that owns the array; of the PyTorch engine
     * @return the array
     * @throws IOException if it cannot be read
     */
    public NDArray read(String name, NDManager manager) throws IOException {
        return file(name).read(name, manager);
    }

    private SafetensorsFile file(String name) {
        if (file == null) {
            throw new NoSuchElementException("The part has no arrays, and so none named " + name);
        }
        return file;
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
