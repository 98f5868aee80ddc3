// SPDX-License-Identifier: Apache-2.0
package dev.penumbra.ema.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.penumbra.safetensors.SafetensorsFile;
import dev.penumbra.safetensors.TensorInfo;
import dev.penumbra.state.SavedState;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The state of one part in a checkpoint; without a file it has no arrays. */
record SavedPart(Map<String, String> values, @Nullable SafetensorsFile file)
        implements SavedState, AutoCloseable {

    @Override
    public Map<String, TensorInfo> tensors() {
        return file == null ? Map.of() : file.tensors();
    }

    @Override
    public void readInto(String name, NDArray target) throws IOException {
        Objects.requireNonNull(file, "file").readInto(name, target);
    }

    NDArray read(String name, NDManager manager) throws IOException {
        return Objects.requireNonNull(file, "file").read(name, manager);
    }

    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
